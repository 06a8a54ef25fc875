package expedite.poller;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.Optional;
import javax.jms.BytesMessage;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.TextMessage;
import org.apache.activemq.command.ActiveMQDestination;
import org.apache.activemq.command.ActiveMQMessage;

/**
 * A JMS message as it stands in the event. Documentation and fixtures disagree on the details; this is the shape of an
 * event that was captured from Lambda (aws-lambda-go, {@code events/testdata/activemq-event.json}), down to the reply
 * destination that reads {@code "null"} where there is none.
 */
final class EventMessage {

  private static final ObjectMapper JSON = new ObjectMapper();

  private EventMessage() {}

  /** Empty for a message that is neither text nor bytes: Lambda takes no others. */
  static Optional<byte[]> encode(Message message) throws JMSException {
    if (message instanceof TextMessage text) {
      String body = Objects.requireNonNullElse(text.getText(), "");
      return Optional.of(encode(message, "jms/text-message", body.getBytes(StandardCharsets.UTF_8)));
    }
    if (message instanceof BytesMessage bytes) {
      // Also every message that came in over AMQP: the broker's default transformer hands on its whole encoding.
      byte[] body = new byte[Math.toIntExact(bytes.getBodyLength())];
      bytes.readBytes(body);
      return Optional.of(encode(message, "jms/bytes-message", body));
    }
    return Optional.empty();
  }

  private static byte[] encode(Message message, String type, byte[] body) throws JMSException {
    ObjectNode json = JSON.createObjectNode();
    json.put("messageID", message.getJMSMessageID());
    json.put("messageType", type);
    json.put("timestamp", message.getJMSTimestamp());
    json.put("deliveryMode", message.getJMSDeliveryMode());
    json.put("correlationID", Objects.requireNonNullElse(message.getJMSCorrelationID(), ""));
    json.put("replyTo", String.valueOf(message.getJMSReplyTo()));
    json.putObject("destination").put("physicalName", physicalName(message));
    json.put("redelivered", message.getJMSRedelivered());
    json.put("type", Objects.requireNonNullElse(message.getJMSType(), ""));
    json.put("expiration", message.getJMSExpiration());
    json.put("priority", message.getJMSPriority());
    json.put("data", body);
    var activeMq = (ActiveMQMessage) message;
    json.put("brokerInTime", activeMq.getBrokerInTime());
    json.put("brokerOutTime", activeMq.getBrokerOutTime());
    putProperties(json.putObject("properties"), activeMq);
    try {
      return JSON.writeValueAsBytes(json);
    } catch (JsonProcessingException impossible) {
      throw new IllegalStateException("a tree of JSON is always JSON", impossible);
    }
  }

  private static String physicalName(Message message) throws JMSException {
    return ((ActiveMQDestination) message.getJMSDestination()).getPhysicalName();
  }

  /**
   * Every value becomes a string, whatever its type was. {@code getPropertyNames()} would add the client's own delivery
   * count, which Lambda's event doesn't show.
   */
  private static void putProperties(ObjectNode properties, ActiveMQMessage message) throws JMSException {
    try {
      for (String name : message.getProperties().keySet()) {
        properties.put(name, String.valueOf(message.getObjectProperty(name)));
      }
    } catch (IOException undecodable) {
      throw (JMSException) new JMSException("cannot decode the message's properties").initCause(undecodable);
    }
  }
}
