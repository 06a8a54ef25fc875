package expedite.broker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OptionsTest {

  private static final String COMPLETE = "--spec /s.json --data /d --amqp-port 5671 --openwire-port 61617";

  @Test
  void readsThePasswordOfTheKeyStore(@TempDir Path folder) throws Exception {
    Path password = Files.writeString(folder.resolve("password"), "secret\n");

    var options = parse(COMPLETE + " --key-store /k.p12 --key-store-password-file " + password);

    var keyStore = Optional.of(new KeyStore(Path.of("/k.p12"), "secret"));
    assertEquals(new Options(Path.of("/s.json"), Path.of("/d"), 5671, 61617, keyStore), options);
  }

  @Test
  void needsNoKeyStore() throws Exception {
    assertTrue(parse(COMPLETE).keyStore().isEmpty());
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "--data /d --amqp-port 5671 --openwire-port 61617",
      COMPLETE + " --key-store /k.p12",
      COMPLETE + " --unknown x",
      COMPLETE + " --key-store",
      "--spec /s.json --data /d --amqp-port none --openwire-port 61617",
      "--spec /s.json --data /d --amqp-port 70000 --openwire-port 61617",
  })
  void refusesWhatItCannotUse(String line) {
    assertThrows(IllegalArgumentException.class, () -> parse(line));
  }

  private static Options parse(String line) throws Exception {
    return Options.parse(line.split(" "));
  }
}
