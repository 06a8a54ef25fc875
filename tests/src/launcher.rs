//! Starts a whole system by the launcher under `local/`, and drives it.
//!
//! The launcher takes its orders on a pipe and ends everything when the pipe closes, which the end of this process does
//! however it comes. Plain blocking I/O, so that tests with a runtime each can share one system.

use crate::{Result, http::Caller};
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
};

/// Where a running system is reached.
#[derive(Clone, Debug, Deserialize)]
pub struct Endpoints {
    /// The HTTP API.
    pub http_url: String,
    /// The WebSocket API.
    pub websocket_url: String,
    /// The emulator's AWS APIs.
    pub aws_endpoint_url: String,
    /// The region that the emulator plays.
    pub region: String,
    /// The stack's name.
    pub stack_name: String,
    /// The outputs of the template.
    pub outputs: HashMap<String, String>,
    /// Process ids by part.
    pub pids: HashMap<String, i32>,
    /// The folder with the logs of all parts.
    pub logs: PathBuf,
    /// The authority that signed the broker's certificate.
    pub ssl_cert_file: PathBuf,
    /// The broker's endpoints by protocol.
    pub broker: HashMap<String, String>,
}

/// A system that ends with this value, or with the process.
#[derive(Debug)]
pub struct System {
    /// Where it is reached.
    pub endpoints: Endpoints,
    orders: Mutex<Orders>,
}

#[derive(Debug)]
struct Orders {
    launcher: Child,
    stdin: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// The project's folder.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl System {
    /// Starts a system with its state in `.local/<name>`. `arguments` go to the launcher.
    ///
    /// # Errors
    /// It does not start; the launcher has said why on stderr.
    pub fn start(name: &str, arguments: &[&str]) -> Result<Self> {
        let root = project();
        let mut launcher = Command::new(root.join(".local/venv-emulator/bin/python"))
            .args(["-m", "expedite_local", "up", "--control", "--state"])
            .arg(format!(".local/{name}"))
            .args(arguments)
            .env("PYTHONPATH", root.join("local"))
            .current_dir(&root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the launcher can't be started, run `make setup`: {error}"))?;
        let stdin = launcher.stdin.take().ok_or("no stdin")?;
        let answers = BufReader::new(launcher.stdout.take().ok_or("no stdout")?);
        let mut orders = Orders { launcher, stdin, answers };
        let ready = orders.answer().map_err(|_| "the system did not start; the launcher says why above")?;
        let endpoints = Endpoints::deserialize(&ready["endpoints"])?;
        Ok(Self { endpoints, orders: Mutex::new(orders) })
    }

    /// Gives an order and waits until it is carried out.
    ///
    /// # Errors
    /// The launcher refuses it.
    pub fn order(&self, order: &str) -> Result<Value> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.stdin.write_all(format!("{order}\n").as_bytes())?;
        let answer = orders.answer()?;
        if answer["ok"] == true { Ok(answer) } else { Err(format!("{order}: {answer}").into()) }
    }

    /// A caller of that name, which is a tenant of its own.
    ///
    /// # Errors
    /// It gets no token.
    pub fn caller(&self, name: &str) -> Result<Caller> {
        let answer = self.order(&format!("token {name}"))?;
        let token = answer["token"].as_str().ok_or("no token")?;
        Ok(Caller::new(&self.endpoints.http_url, token.to_owned()))
    }
}

impl Orders {
    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for System {
    /// Waits for the end of everything, so that ports and files are free again.
    fn drop(&mut self) {
        let orders = self.orders.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = orders.stdin.write_all(b"quit\n");
        let _ = orders.launcher.wait();
    }
}
