package expedite.poller;

import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.Session;

/** A connection with one transacted session and one consumer. */
final class BrokerQueue implements TransactedQueue {

  private final Connection connection;
  private final Session session;
  private final MessageConsumer consumer;

  BrokerQueue(Connection connection, Session session, MessageConsumer consumer) {
    this.connection = connection;
    this.session = session;
    this.consumer = consumer;
  }

  @Override
  public Message receive(long timeout) throws JMSException {
    return consumer.receive(timeout);
  }

  @Override
  public void commit() throws JMSException {
    session.commit();
  }

  @Override
  public void rollback() throws JMSException {
    session.rollback();
  }

  @Override
  public void close() throws JMSException {
    connection.close();
  }
}
