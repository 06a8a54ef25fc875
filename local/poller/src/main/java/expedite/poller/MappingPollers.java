package expedite.poller;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The pollers of one mapping. They stay for as long as the mapping exists; while it is disabled they wait. */
final class MappingPollers implements Mappings.Served {

  /** Batches of one mapping at a time ("Using Lambda with Amazon MQ", concurrency for ActiveMQ). */
  static final int CONCURRENCY = 5;

  private static final Logger LOG = LoggerFactory.getLogger(MappingPollers.class);

  private final Assignment assignment;
  private final List<Thread> threads;

  MappingPollers(Mapping mapping, TransactedQueue.Opener queues, Invoker invoker) {
    assignment = new Assignment(mapping, CONCURRENCY, System.out::println);
    threads =
        IntStream.rangeClosed(1, CONCURRENCY)
            .mapToObj(number -> new Thread(new Poller(assignment, queues, invoker), mapping.uuid() + "/" + number))
            .toList();
    threads.forEach(thread -> {
      thread.setDaemon(true);
      thread.setUncaughtExceptionHandler(MappingPollers::giveUp);
      thread.start();
    });
  }

  /** What a poller doesn't foresee is a fault of this program, and one poller fewer would hardly be noticed. */
  private static void giveUp(Thread poller, Throwable fault) {
    LOG.error("poller {} failed", poller.getName(), fault);
    System.exit(1);
  }

  @Override
  public void update(Mapping mapping) {
    assignment.change(mapping);
  }

  @Override
  public void stop() {
    assignment.end();
  }

  @Override
  public void await(long deadlineNanos) {
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
