"""Ports: one system's are no other's, also before and between their use."""

import socket
import subprocess
import sys
import unittest

from expedite_local import ports

_OTHER = "from expedite_local import ports; print(ports.choose({port})[0]); input()"


class Choice(unittest.TestCase):
    def test_a_chosen_port_is_not_given_twice(self) -> None:
        (port,) = ports.choose(0)
        again, *more = ports.choose(port, 0, 0)
        self.assertEqual(len({port, again, *more}), 4)

    def test_another_process_keeps_what_it_chose_until_it_ends(self) -> None:
        with socket.create_server((ports.HOST, 0)) as listener:
            port = listener.getsockname()[1]
        code = [sys.executable, "-c", _OTHER.format(port=port)]
        with subprocess.Popen(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            self.assertEqual(int(other.stdout.readline()), port)
            self.assertNotEqual(ports.choose(port), [port])
            other.communicate("\n")
        self.assertEqual(ports.choose(port), [port])

    def test_a_port_in_use_is_left_to_its_owner(self) -> None:
        with socket.create_server((ports.HOST, 0)) as listener:
            port = listener.getsockname()[1]
            self.assertNotEqual(ports.choose(port), [port])
