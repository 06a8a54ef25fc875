package expedite.poller;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import javax.jms.JMSException;
import org.apache.activemq.command.ActiveMQMessage;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTextMessage;

/** What the tests work on. */
final class Samples {

  static final String SOURCE = "arn:aws:mq:eu-central-1:123456789012:broker:jobs:b-1";

  private Samples() {}

  static Mapping mapping() {
    return mapping(10, true);
  }

  static Mapping mapping(int batchSize, boolean enabled) {
    return new Mapping(
        "uuid", "function", SOURCE, "jobs", "secret", batchSize, Duration.ofMillis(50), enabled, Optional.empty());
  }

  static ActiveMQTextMessage text(String body) throws JMSException {
    var message = new ActiveMQTextMessage();
    message.setText(body);
    return delivered(message);
  }

  /** A message as a consumer gets it: with an id and from a queue. */
  static <T extends ActiveMQMessage> T delivered(T message) throws JMSException {
    message.setJMSMessageID("ID:host-1-2:3:4:5:6");
    message.setDestination(new ActiveMQQueue("jobs"));
    return message;
  }

  static JsonNode json(byte[] bytes) {
    try {
      return new ObjectMapper().readTree(bytes);
    } catch (IOException notJson) {
      throw new AssertionError(notJson);
    }
  }
}
