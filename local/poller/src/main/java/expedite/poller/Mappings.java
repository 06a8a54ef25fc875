package expedite.poller;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Makes the pollers that run match the mappings that exist. */
final class Mappings {

  private final Function<Mapping, MappingPollers> start;
  private final Map<String, MappingPollers> served = new HashMap<>();

  Mappings(Function<Mapping, MappingPollers> start) {
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
    served.values().forEach(MappingPollers::stop);
    long deadline = System.nanoTime() + patience.toNanos();
    served.values().forEach(pollers -> pollers.await(deadline));
  }
}
