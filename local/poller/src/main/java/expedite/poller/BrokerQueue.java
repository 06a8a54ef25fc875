package expedite.poller;

import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.Session;

/** One connection's consumer of one queue, whose messages belong to one transaction at a time. */
final class BrokerQueue implements AutoCloseable {

  private final Connection connection;
  private final Session session;
  private final MessageConsumer consumer;

  BrokerQueue(Connection connection, Session session, MessageConsumer consumer) {
    this.connection = connection;
    this.session = session;
    this.consumer = consumer;
  }

  /** The next message, or null when none came in time (milliseconds). */
  Message receive(long timeout) throws JMSException {
    return consumer.receive(timeout);
  }

  void commit() throws JMSException {
    session.commit();
  }

  void rollback() throws JMSException {
    session.rollback();
  }

  /** Gives back to the broker what was not committed. */
  @Override
  public void close() throws JMSException {
    connection.close();
  }
}
