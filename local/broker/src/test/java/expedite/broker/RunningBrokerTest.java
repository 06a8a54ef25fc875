package expedite.broker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.List;
import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.JMSSecurityException;
import javax.jms.Message;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.broker.BrokerFactory;
import org.apache.activemq.broker.BrokerService;
import org.apache.activemq.command.ActiveMQQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** ActiveMQ takes an assembled configuration, and what it says is in force. */
class RunningBrokerTest {

  private static final Queue JOBS = new ActiveMQQueue("jobs");

  @TempDir private Path data;
  private BrokerService broker;

  @BeforeEach
  void start() throws Exception {
    start(Configurations.full());
  }

  private void start(Specification specification) throws Exception {
    var document = Configuration.assemble(specification, Configurations.plain(data));
    Path file = Configuration.writePrivately(document, data.resolve("activemq.xml"));
    broker = BrokerFactory.createBroker("xbean:" + file.toUri());
    broker.waitUntilStarted();
  }

  @AfterEach
  void stop() throws Exception {
    broker.stop();
    broker.waitUntilStopped();
  }

  @Test
  void refusesAWrongPassword() {
    assertThrows(JMSSecurityException.class, () -> connect("writer", "wrong").close());
    assertThrows(JMSSecurityException.class, () -> connect("nobody", "writer-password").close());
    assertThrows(JMSSecurityException.class, () -> connect(null, null).close());
  }

  /** Generated passwords hold any signs in any order now and then. */
  @ParameterizedTest
  @ValueSource(strings = {
      "#one", "##two", "${three}", "classpath:four", "&amp;five", "null", "six#{seven", "#{eight", "#{'nine'}", "it's#{10}",
  })
  void takesAPasswordToTheLetter(String password) throws Exception {
    stop();
    var users = List.of(new Specification.User("writer", password, List.of("writers")));
    start(new Specification(Configurations.FULL, users));
    connect("writer", password).close();
  }

  @Test
  void refusesWhatTheAuthorizationMapDoesNotGrant() throws Exception {
    try (var writer = connect("writer", "writer-password"); var reader = connect("reader", "reader-password")) {
      Session mayWrite = session(writer);
      Session mayRead = session(reader);

      assertThrows(JMSException.class, () -> mayWrite.createConsumer(JOBS));
      assertThrows(JMSException.class, () -> mayRead.createProducer(JOBS).send(mayRead.createTextMessage("no")));
    }
  }

  @Test
  void keepsMessagesOverARestart() throws Exception {
    try (var writer = connect("writer", "writer-password")) {
      Session session = session(writer);
      session.createProducer(JOBS).send(session.createTextMessage("kept"));
    }

    stop();
    start();

    try (var reader = connect("reader", "reader-password")) {
      Message message = session(reader).createConsumer(JOBS).receive(2_000);
      assertNotNull(message);
      assertEquals("kept", message.getBody(String.class));
    }
  }

  /** The mapping's client leaves the prefetch at its default of 1 000; that is when the policy's own applies. */
  @Test
  void appliesItsPrefetchToAConsumerThatSetsNone() throws Exception {
    try (var writer = connect("writer", "writer-password"); var reader = connect("reader", "reader-password")) {
      session(reader).createConsumer(JOBS);
      Session session = session(writer);
      for (int n = 0; n < 10; n++) {
        session.createProducer(JOBS).send(session.createTextMessage("waits"));
      }

      assertEquals(3, dispatched());
    }
  }

  /**
   * What a mapping's client gives up on a dead-letter queue is not lost: the broker makes it a queue of its own, for which
   * nobody needs a right. Lambda's client redelivers six times before; that changes nothing here but the time.
   */
  @Test
  void keepsADeadLetterThatIsGivenUpInItsTurn() throws Exception {
    try (var writer = connect("writer", "writer-password")) {
      Session session = session(writer);
      session.createProducer(JOBS).send(session.createTextMessage("kept"));
    }

    giveUp("jobs");
    giveUp("DLQ.jobs");

    assertEquals(0, broker.getDestination(new ActiveMQQueue("DLQ.jobs")).browse().length);
    var kept = broker.getDestination(new ActiveMQQueue("DLQ.DLQ.jobs")).browse();
    assertEquals(1, kept.length);
    assertEquals("kept", ((TextMessage) kept[0]).getText());
  }

  private void giveUp(String queue) throws Exception {
    try (var reader = connect("reader", "reader-password")) {
      ((ActiveMQConnection) reader).getRedeliveryPolicy().setMaximumRedeliveries(0);
      Session session = reader.createSession(true, Session.SESSION_TRANSACTED);
      var consumer = session.createConsumer(new ActiveMQQueue(queue));
      assertNotNull(consumer.receive(2_000), queue);
      session.rollback();
      assertNull(consumer.receive(500), queue);
    }
  }

  private long dispatched() throws Exception {
    var subscription = broker.getDestination((ActiveMQQueue) JOBS).getConsumers().get(0);
    for (int tries = 0; tries < 100 && subscription.getDispatchedQueueSize() < 3; tries++) {
      Thread.sleep(20);
    }
    return subscription.getDispatchedQueueSize();
  }

  private Connection connect(String user, String password) throws Exception {
    var uri = broker.getTransportConnectorByName("openwire").getConnectUri();
    Connection connection = new ActiveMQConnectionFactory(uri).createConnection(user, password);
    try {
      connection.start();
    } catch (JMSException refused) {
      connection.close();
      throw refused;
    }
    return connection;
  }

  private static Session session(Connection connection) throws JMSException {
    return connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
  }
}
