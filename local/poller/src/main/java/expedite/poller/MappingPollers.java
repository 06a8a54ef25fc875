package expedite.poller;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/** The pollers of one mapping. They stay for as long as the mapping exists; while it is disabled they wait. */
final class MappingPollers {

  /** Batches of one mapping at a time ("Using Lambda with Amazon MQ", concurrency for ActiveMQ). */
  static final int CONCURRENCY = 5;

  private final Assignment assignment;
  private final List<Thread> threads;

  MappingPollers(Mapping mapping, Broker broker, LambdaFunction function) {
    assignment = new Assignment(mapping, CONCURRENCY);
    threads =
        IntStream.rangeClosed(1, CONCURRENCY)
            .mapToObj(number -> new Thread(new Poller(assignment, broker, function), mapping.uuid() + "/" + number))
            .toList();
    threads.forEach(thread -> {
      thread.setDaemon(true);
      thread.start();
    });
  }

  void update(Mapping mapping) {
    assignment.change(mapping);
  }

  void stop() {
    assignment.end();
  }

  void await(long deadlineNanos) {
    try {
      for (Thread thread : threads) {
        long left = deadlineNanos - System.nanoTime();
        if (left > 0) {
          TimeUnit.NANOSECONDS.timedJoin(thread, left);
        }
      }
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }
}
