package expedite.poller;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Makes the pollers that run match the mappings that exist. */
final class Mappings {

  /** A mapping that is being served. */
  interface Served {
    void update(Mapping mapping);

    void stop();

    /** Waits until it has stopped, but no longer than until that {@link System#nanoTime()}. */
    void await(long deadlineNanos);
  }

  private final Function<Mapping, Served> start;
  private final Map<String, Served> served = new HashMap<>();

  Mappings(Function<Mapping, Served> start) {
    this.start = start;
  }

  synchronized void reconcile(List<Mapping> listed) {
    Map<String, Mapping> byUuid = listed.stream().collect(Collectors.toMap(Mapping::uuid, Function.identity()));
    served.entrySet().removeIf(entry -> {
      boolean deleted = !byUuid.containsKey(entry.getKey());
      if (deleted) {
        entry.getValue().stop();
      }
      return deleted;
    });
    byUuid.forEach((uuid, mapping) -> served.computeIfAbsent(uuid, unknown -> start.apply(mapping)).update(mapping));
  }

  /** Stops all of them and waits for batches that are being processed; the broker takes back what takes longer. */
  synchronized void close(Duration patience) {
    served.values().forEach(Served::stop);
    long deadline = System.nanoTime() + patience.toNanos();
    served.values().forEach(pollers -> pollers.await(deadline));
  }
}
