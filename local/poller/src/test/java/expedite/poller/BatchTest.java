package expedite.poller;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class BatchTest {

  /** A moment of {@link System#nanoTime()}, which may be negative. */
  private static final long NOW = -1_000;

  private final Batch batch = new Batch(Samples.SOURCE, 3, Duration.ofMillis(500));

  @Test
  void isOneEventInTheOrderOfArrival() {
    for (String message : new String[] {"{\"n\":1}", "{\"n\":2}"}) {
      batch.add(message.getBytes(StandardCharsets.UTF_8), NOW);
    }

    assertEquals(1, batch.events().size());
    assertEquals(
        "{\"eventSource\":\"aws:mq\",\"eventSourceArn\":\"" + Samples.SOURCE + "\",\"messages\":[{\"n\":1},{\"n\":2}]}",
        new String(batch.events().get(0), StandardCharsets.UTF_8));
  }

  @Test
  void isCompleteWithItsSize() {
    batch.add(message(10), NOW);
    batch.add(message(10), NOW);
    assertFalse(batch.isComplete(NOW));

    batch.add(message(10), NOW);
    assertTrue(batch.isComplete(NOW));
  }

  @Test
  void isCompleteWhenItsWindowHasPassedSinceTheFirstMessage() {
    batch.add(message(10), NOW);
    batch.add(message(10), after(400));

    assertEquals(Duration.ofMillis(100), batch.patience(after(400)));
    assertFalse(batch.isComplete(after(499)));
    assertTrue(batch.isComplete(after(500)));
    assertEquals(Duration.ZERO, batch.patience(after(700)));
  }

  @Test
  void isNeverCompleteWhileItIsEmpty() {
    assertFalse(batch.isComplete(after(3_600_000)));
    assertTrue(batch.isEmpty());
    assertTrue(batch.events().isEmpty());
  }

  @Test
  void waitsAtLeisureWhileItIsEmpty() {
    var batch = new Batch(Samples.SOURCE, 3, Duration.ofMillis(10));
    assertEquals(Duration.ofMillis(500), batch.patience(after(3_600_000)));

    batch.add(message(10), NOW);
    assertEquals(Duration.ofMillis(10), batch.patience(NOW));
  }

  @Test
  void isCompleteWhenTheNextMessageNoLongerFits() {
    assertTrue(batch.add(message(Batch.MAX_EVENT / 2), NOW));
    assertTrue(batch.add(message(Batch.MAX_EVENT / 2), NOW));

    assertTrue(batch.isComplete(NOW));
    assertEquals(2, batch.events().size());
    for (byte[] event : batch.events()) {
      assertTrue(event.length <= Batch.MAX_EVENT);
      assertEquals(1, Samples.json(event).get("messages").size());
    }
  }

  @Test
  void fillsAnEventToTheLastByte() {
    int frame = "{\"eventSource\":\"aws:mq\",\"eventSourceArn\":\"\",\"messages\":[]}".length() + Samples.SOURCE.length();
    batch.add(message(1_000), NOW);
    batch.add(message(Batch.MAX_EVENT - frame - 1_000 - ",".length()), NOW);

    assertEquals(1, batch.events().size());
    assertEquals(Batch.MAX_EVENT, batch.events().get(0).length);
  }

  @Test
  void takesNoMessageThatFitsIntoNoEvent() {
    assertFalse(batch.add(message(Batch.MAX_EVENT), NOW));
    assertTrue(batch.isEmpty());
  }

  private static long after(long millis) {
    return NOW + Duration.ofMillis(millis).toNanos();
  }

  /** A JSON string of that many bytes. */
  private static byte[] message(int bytes) {
    return ("\"" + "x".repeat(bytes - 2) + "\"").getBytes(StandardCharsets.UTF_8);
  }
}
