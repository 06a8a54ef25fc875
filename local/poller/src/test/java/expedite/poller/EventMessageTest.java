package expedite.poller;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import javax.jms.DeliveryMode;
import javax.jms.Message;
import org.apache.activemq.command.ActiveMQBytesMessage;
import org.apache.activemq.command.ActiveMQMapMessage;
import org.apache.activemq.command.ActiveMQObjectMessage;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQStreamMessage;
import org.apache.activemq.command.ActiveMQTextMessage;
import org.junit.jupiter.api.Test;

class EventMessageTest {

  @Test
  void hasTheCapturedShape() throws Exception {
    ActiveMQTextMessage message = Samples.text("grüß dich");
    message.setJMSTimestamp(1_599_863_938_941L);
    message.setJMSDeliveryMode(DeliveryMode.PERSISTENT);
    message.setJMSPriority(9);
    message.setJMSExpiration(60_000);
    message.setJMSRedelivered(true);
    message.setJMSCorrelationID("correlation");
    message.setJMSReplyTo(new ActiveMQQueue("answers"));
    message.setJMSType("job.v1");
    message.setBrokerInTime(1_599_863_938_943L);
    message.setBrokerOutTime(1_599_863_938_944L);
    message.setStringProperty("testKey", "testValue");

    assertEquals(
        new ObjectMapper().readTree(
            """
            {
              "messageID": "ID:host-1-2:3:4:5:6",
              "messageType": "jms/text-message",
              "timestamp": 1599863938941,
              "deliveryMode": 2,
              "correlationID": "correlation",
              "replyTo": "queue://answers",
              "destination": {"physicalName": "jobs"},
              "redelivered": true,
              "type": "job.v1",
              "expiration": 60000,
              "priority": 9,
              "data": "Z3LDvMOfIGRpY2g=",
              "brokerInTime": 1599863938943,
              "brokerOutTime": 1599863938944,
              "properties": {"testKey": "testValue"}
            }
            """),
        encode(message));
  }

  @Test
  void writesWhatIsNotThereAsLambdaDoes() throws Exception {
    JsonNode json = encode(Samples.text(null));

    assertEquals("null", json.get("replyTo").textValue());
    assertEquals("", json.get("correlationID").textValue());
    assertEquals("", json.get("type").textValue());
    assertEquals("", json.get("data").textValue());
    assertEquals(0, json.get("expiration").intValue());
    assertTrue(json.get("properties").isEmpty());
  }

  @Test
  void keepsEveryByte() throws Exception {
    byte[] body = {0, 'S', 'p', (byte) 0xC0, (byte) 0xFF, 10};
    var message = Samples.delivered(new ActiveMQBytesMessage());
    message.writeBytes(body);
    message.reset();

    JsonNode json = encode(message);

    assertEquals("jms/bytes-message", json.get("messageType").textValue());
    assertArrayEquals(body, json.get("data").binaryValue());
  }

  @Test
  void makesEveryPropertyAString() throws Exception {
    ActiveMQTextMessage message = Samples.text("");
    message.setBooleanProperty("flag", true);
    message.setIntProperty("count", 7);
    message.setLongProperty("sentAt", 1_599_863_938_941L);
    message.setDoubleProperty("ratio", 0.5);
    message.setStringProperty("name", "ü");

    JsonNode properties = encode(message).get("properties");

    assertEquals("true", properties.get("flag").textValue());
    assertEquals("7", properties.get("count").textValue());
    assertEquals("1599863938941", properties.get("sentAt").textValue());
    assertEquals("0.5", properties.get("ratio").textValue());
    assertEquals("ü", properties.get("name").textValue());
  }

  /** Attempts are counted where they are recorded; nothing may come to rely on a count that Lambda doesn't send. */
  @Test
  void tellsNoDeliveryCount() throws Exception {
    ActiveMQTextMessage message = Samples.text("");
    message.setRedeliveryCounter(3);

    JsonNode json = encode(message);

    assertTrue(json.get("redelivered").booleanValue());
    assertTrue(json.get("properties").isEmpty());
  }

  @Test
  void takesOnlyTextAndBytes() throws Exception {
    assertTrue(EventMessage.encode(Samples.delivered(new ActiveMQMapMessage())).isEmpty());
    assertTrue(EventMessage.encode(Samples.delivered(new ActiveMQObjectMessage())).isEmpty());
    assertTrue(EventMessage.encode(Samples.delivered(new ActiveMQStreamMessage())).isEmpty());
  }

  @Test
  void isUtf8() throws Exception {
    ActiveMQTextMessage message = Samples.text("");
    message.setStringProperty("name", "ü");

    assertTrue(new String(EventMessage.encode(message).orElseThrow(), StandardCharsets.UTF_8).contains("ü"));
  }

  private static JsonNode encode(Message message) throws Exception {
    return Samples.json(EventMessage.encode(message).orElseThrow());
  }
}
