package expedite.poller;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class MappingsTest {

  private final List<String> log = new ArrayList<>();
  private final Mappings mappings = new Mappings(mapping -> {
    log.add("start");
    return new Fake();
  });

  @Test
  void startsEachMappingOnceAndPassesItsChangesOn() {
    mappings.reconcile(List.of(Samples.mapping(10, true)));
    mappings.reconcile(List.of(Samples.mapping(20, true)));

    assertEquals(List.of("start", "update 10", "update 20"), log);
  }

  @Test
  void stopsADeletedMapping() {
    mappings.reconcile(List.of(Samples.mapping()));
    mappings.reconcile(List.of());
    mappings.reconcile(List.of());

    assertEquals(List.of("start", "update 10", "stop"), log);
  }

  private final class Fake implements Mappings.Served {
    @Override
    public void update(Mapping mapping) {
      log.add("update " + mapping.batchSize());
    }

    @Override
    public void stop() {
      log.add("stop");
    }

    @Override
    public void await(long deadlineNanos) {
      log.add("await");
    }
  }
}
