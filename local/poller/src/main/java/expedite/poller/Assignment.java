package expedite.poller;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the pollers of one mapping have to do now. Lambda's API changes it from one side, the pollers ask for it from the
 * other, and it says when they have all come or all gone:
 *
 * <ul>
 *   <li>{@code POLLING <uuid> <queue>}: every poller's consumer is attached to the queue
 *   <li>{@code DETACHED <uuid> <queue>}: none is any more
 * </ul>
 */
final class Assignment {

  private static final Logger LOG = LoggerFactory.getLogger(Assignment.class);

  private final int pollers;
  private final Consumer<String> say;
  private final Map<Thread, Mapping> attached = new HashMap<>();
  private Mapping mapping;
  private boolean ended;

  Assignment(Mapping mapping, int pollers, Consumer<String> say) {
    this.mapping = mapping;
    this.pollers = pollers;
    this.say = say;
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
      say.accept("POLLING " + started.uuid() + " " + started.queue());
    }
  }

  /** To be called when the connection is closed; harmless where there was none. */
  synchronized void detach() {
    Mapping started = attached.remove(Thread.currentThread());
    if (started != null && attached.isEmpty()) {
      say.accept("DETACHED " + started.uuid() + " " + started.queue());
    }
  }

  private void reportRefusal() {
    mapping.refusal().ifPresent(reason -> LOG.error("mapping {} is NOT polled: {}", mapping.uuid(), reason));
  }
}
