package expedite.poller;

import java.time.Duration;

/** Waiting times that double from one try to the next, up to a bound. */
final class Backoff {

  private final Duration first;
  private final Duration longest;
  private Duration next;

  Backoff(Duration first, Duration longest) {
    this.first = first;
    this.longest = longest;
    this.next = first;
  }

  /** A broker that restarts is back in a few seconds, and five pollers must not overrun it when it is. */
  static Backoff forBroker() {
    return new Backoff(Duration.ofMillis(250), Duration.ofSeconds(2));
  }

  /** A throttled or unreachable function. */
  static Backoff forInvocation() {
    return new Backoff(Duration.ofMillis(200), Duration.ofSeconds(5));
  }

  Duration next() {
    Duration now = next;
    Duration doubled = next.multipliedBy(2);
    next = doubled.compareTo(longest) < 0 ? doubled : longest;
    return now;
  }

  /** Whether nothing has gone wrong since the last success. */
  boolean isFresh() {
    return next.equals(first);
  }

  void reset() {
    next = first;
  }
}
