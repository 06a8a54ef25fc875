package expedite.poller;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Messages on their way into one event. A batch is complete when it has {@code BatchSize} messages, when its window has
 * passed since the first one, or when the event is full ("How Lambda processes records from stream and queue-based event
 * sources", batching behaviour).
 */
final class Batch {

  /** Bytes; an event's largest size (same page; Lambda quotas, synchronous invocation payload). */
  static final int MAX_EVENT = 6 * 1024 * 1024;

  /** How long an empty batch waits at a time. It has nothing to hand over and nobody to be late for. */
  private static final Duration LEISURE = Duration.ofMillis(500);

  private static final byte[] TAIL = "]}".getBytes(StandardCharsets.UTF_8);

  private final byte[] head;
  private final int batchSize;
  private final Duration window;
  private final List<byte[]> messages = new ArrayList<>();
  private final List<byte[]> overflow = new ArrayList<>();
  private int size;
  private long firstAt;

  Batch(String eventSourceArn, int batchSize, Duration window) {
    this.head =
        ("{\"eventSource\":\"aws:mq\",\"eventSourceArn\":\"" + eventSourceArn + "\",\"messages\":[")
            .getBytes(StandardCharsets.UTF_8);
    this.batchSize = batchSize;
    this.window = window;
    this.size = head.length + TAIL.length;
  }

  /**
   * Takes a message, which is an object of the event's {@code messages}.
   *
   * @return false for one that is too large for any event; Lambda drops such a message ("Troubleshoot Amazon MQ event
   *     source mapping errors")
   */
  boolean add(byte[] message, long nanoTime) {
    if (head.length + message.length + TAIL.length > MAX_EVENT) {
      return false;
    }
    if (messages.isEmpty()) {
      firstAt = nanoTime;
    }
    int comma = messages.isEmpty() ? 0 : 1;
    if (size + comma + message.length > MAX_EVENT) {
      overflow.add(message);
    } else {
      messages.add(message);
      size += comma + message.length;
    }
    return true;
  }

  boolean isEmpty() {
    return messages.isEmpty();
  }

  boolean isComplete(long nanoTime) {
    return messages.size() >= batchSize
        || !overflow.isEmpty()
        || !messages.isEmpty() && patience(nanoTime).isZero();
  }

  /** How long the next message may take. An empty batch waits at leisure. */
  Duration patience(long nanoTime) {
    if (messages.isEmpty()) {
      return LEISURE;
    }
    Duration left = window.minusNanos(nanoTime - firstAt);
    return left.isNegative() ? Duration.ZERO : left;
  }

  /**
   * None, one, or two events. The message that no longer fitted has been taken from the queue in the same transaction,
   * which can't give back a single message; so it follows in an event of its own.
   */
  List<byte[]> events() {
    var events = new ArrayList<byte[]>();
    for (var part : List.of(messages, overflow)) {
      if (!part.isEmpty()) {
        events.add(event(part));
      }
    }
    return events;
  }

  private byte[] event(List<byte[]> part) {
    var event = new ByteArrayOutputStream(size);
    event.writeBytes(head);
    for (int i = 0; i < part.size(); i++) {
      if (i > 0) {
        event.write(',');
      }
      event.writeBytes(part.get(i));
    }
    event.writeBytes(TAIL);
    return event.toByteArray();
  }
}
