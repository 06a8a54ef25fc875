package expedite.poller;

import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Session;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.ActiveMQSslConnectionFactory;

/**
 * Opens connections with ActiveMQ's own OpenWire client, every setting of it at its default:
 *
 * <ul>
 *   <li>the redelivery policy, as Lambda's is: six redeliveries, the first after a second, then the dead-letter queue
 *       ("Troubleshoot Amazon MQ event source mapping errors"; ActiveMQ, "Redelivery Policy")
 *   <li>the prefetch. A broker applies its own {@code queuePrefetch} only to consumers that leave it at the default
 *   <li>no {@code failover:} transport, since it hides that a transaction went down with its connection
 * </ul>
 */
final class Broker implements TransactedQueue.Opener {

  private final Options options;
  private final BasicAuth basicAuth;

  Broker(Options options, BasicAuth basicAuth) {
    this.options = options;
    this.basicAuth = basicAuth;
  }

  /** The secret is read for every connection, so that a rotated password is taken up. */
  @Override
  public TransactedQueue open(Mapping mapping) throws JMSException {
    var user = basicAuth.read(mapping.secretArn());
    Connection connection = factory().createConnection(user.username(), user.password());
    try {
      connection.start();
      Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
      return new BrokerQueue(connection, session, session.createConsumer(session.createQueue(mapping.queue())));
    } catch (JMSException refused) {
      connection.close();
      throw refused;
    }
  }

  private ActiveMQConnectionFactory factory() throws JMSException {
    if (options.trustStore().isEmpty()) {
      return new ActiveMQConnectionFactory(options.openWireUrl());
    }
    var trustStore = options.trustStore().get();
    var factory = new ActiveMQSslConnectionFactory(options.openWireUrl());
    try {
      factory.setTrustStoreType("pkcs12");
      factory.setTrustStorePassword(trustStore.password());
      factory.setTrustStore(trustStore.file().toString());
    } catch (Exception unreadable) {
      throw (JMSException) new JMSException("cannot read the trust store " + trustStore.file()).initCause(unreadable);
    }
    return factory;
  }
}
