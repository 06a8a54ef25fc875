package expedite.poller;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class AssignmentTest {

  private final List<String> said = new ArrayList<>();
  private final Mapping mapping = Samples.mapping();
  private final Assignment assignment = new Assignment(mapping, 2, said::add);

  @Test
  void saysWhenAllHaveComeAndWhenAllHaveGone() throws Exception {
    asPoller(() -> assignment.attach(mapping));
    assertEquals(List.of(), said);
    assignment.attach(mapping);
    assertEquals(List.of("POLLING uuid jobs"), said);
  }

  /** Two pollers are there, but one of them still works by the old settings. */
  @Test
  void countsOnlyPollersOfTheMappingAsItIs() throws Exception {
    asPoller(() -> assignment.attach(mapping));
    Mapping changed = Samples.mapping(20, true);
    assignment.change(changed);
    assignment.attach(changed);

    assertEquals(List.of(), said);
  }

  @Test
  void saysNothingOfAPollerThatNeverCame() {
    assignment.detach();

    assertEquals(List.of(), said);
  }

  @Test
  void saysThatTheLastOneHasGone() throws Exception {
    assignment.attach(mapping);
    asPoller(() -> {
      assignment.attach(mapping);
      assignment.detach();
    });
    assertEquals(List.of("POLLING uuid jobs"), said);

    assignment.detach();
    assertEquals(List.of("POLLING uuid jobs", "DETACHED uuid jobs"), said);
  }

  private static void asPoller(Runnable does) throws InterruptedException {
    var poller = new Thread(does);
    poller.start();
    poller.join();
  }
}
