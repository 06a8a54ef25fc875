package expedite.broker;

import java.nio.file.Path;

/** A PKCS12 file with the broker's key and certificate. */
record KeyStore(Path file, String password) {}
