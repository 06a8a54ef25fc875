package expedite.poller;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the pollers of one mapping have to do now. Lambda's API changes it from one side, the pollers ask for it from the
 * other, and it says on standard output when they have all come or all gone:
 *
 * <ul>
 *   <li>{@code POLLING <uuid> <queue>}: every poller's consumer is attached to the queue
 *   <li>{@code DETACHED <uuid> <queue>}: none is any more
 * </ul>
 */
final class Assignment {

  private static final Logger LOG = LoggerFactory.getLogger(Assignment.class);

  private final int pollers;
  private final Map<Thread, Mapping> attached = new HashMap<>();
  private Mapping mapping;
  private boolean ended;

  Assignment(Mapping mapping, int pollers) {
    this.mapping = mapping;
    this.pollers = pollers;
    reportRefusal();
  }

  synchronized void change(Mapping now) {
    if (!now.equals(mapping)) {
      mapping = now;
      reportRefusal();
      notifyAll();
    }
  }

  synchronized void end() {
    ended = true;
    notifyAll();
  }

  /** Waits while the mapping is disabled; empty when it is gone. */
  synchronized Optional<Mapping> await() throws InterruptedException {
    while (!ended && !mapping.pollable()) {
      wait();
    }
    return ended ? Optional.empty() : Optional.of(mapping);
  }

  /** Whether the mapping still is what a poller started with. */
  synchronized boolean stands(Mapping started) {
    return !ended && mapping.equals(started);
  }

  /** Waits, but no longer than the mapping stays what a poller started with. */
  synchronized void pause(Mapping started, Duration time) throws InterruptedException {
    long deadline = System.nanoTime() + time.toNanos();
    while (stands(started)) {
      long left = Duration.ofNanos(deadline - System.nanoTime()).toMillis();
      if (left <= 0) {
        return;
      }
      wait(left);
    }
  }

  synchronized void attach(Mapping started) {
    attached.put(Thread.currentThread(), started);
    if (attached.values().stream().filter(mapping::equals).count() == pollers) {
      System.out.println("POLLING " + started.uuid() + " " + started.queue());
    }
  }

  synchronized void detach() {
    Mapping started = attached.remove(Thread.currentThread());
    if (attached.isEmpty()) {
      System.out.println("DETACHED " + started.uuid() + " " + started.queue());
    }
  }

  private void reportRefusal() {
    mapping.refusal().ifPresent(reason -> LOG.error("mapping {} is NOT polled: {}", mapping.uuid(), reason));
  }
}
