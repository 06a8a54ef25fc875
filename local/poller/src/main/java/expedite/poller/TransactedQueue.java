package expedite.poller;

import javax.jms.JMSException;
import javax.jms.Message;

/** A queue over one connection. What is received belongs to one transaction, until that is committed or rolled back. */
interface TransactedQueue extends AutoCloseable {

  /** Opens the queue of a mapping as the user of its secret. */
  interface Opener {
    TransactedQueue open(Mapping mapping) throws JMSException;
  }

  /** The next message, or null when none came within the time, in milliseconds. */
  Message receive(long timeout) throws JMSException;

  /** Removes what was received from the queue. */
  void commit() throws JMSException;

  /** Has what was received delivered again, as the client's redelivery policy says. */
  void rollback() throws JMSException;

  /** Gives back to the broker what was not committed. */
  @Override
  void close() throws JMSException;
}
