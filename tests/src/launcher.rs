//! Starts a whole system by the launcher under `local/`, and drives it.
//!
//! The launcher takes its orders on a pipe and ends everything when the pipe closes, which the end of this process does
//! however it comes.

use crate::{Result, http::Caller};
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Mutex,
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
    /// The certificate that the broker's own is signed with.
    pub ssl_cert_file: PathBuf,
    /// The broker's endpoints by protocol.
    pub broker: HashMap<String, String>,
}

/// A system that ends with this value, or with the process.
pub struct System {
    /// Where it is reached.
    pub endpoints: Endpoints,
    orders: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
    _launcher: Child,
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
    pub async fn start(name: &str, arguments: &[String]) -> Result<Self> {
        let root = project();
        let mut launcher = Command::new(root.join(".local/venv-emulator/bin/python"))
            .args(["-m", "expedite_local", "up", "--control", "--state"])
            .arg(format!(".local/{name}"))
            .args(arguments)
            .env("PYTHONPATH", root.join("local"))
            .current_dir(&root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = launcher.stdin.take().ok_or("no stdin")?;
        let mut lines = BufReader::new(launcher.stdout.take().ok_or("no stdout")?).lines();
        let ready =
            lines.next_line().await?.ok_or("the system did not start; the launcher says why above")?;
        let ready: Value = serde_json::from_str(&ready)?;
        let endpoints = Endpoints::deserialize(&ready["endpoints"])?;
        Ok(Self { endpoints, orders: Mutex::new((stdin, lines)), _launcher: launcher })
    }

    /// Gives an order and waits until it is carried out.
    ///
    /// # Errors
    /// The launcher refuses it.
    pub async fn order(&self, order: &str) -> Result<Value> {
        let mut orders = self.orders.lock().await;
        orders.0.write_all(format!("{order}\n").as_bytes()).await?;
        let answer = orders.1.next_line().await?.ok_or("the launcher has ended")?;
        let answer: Value = serde_json::from_str(&answer)?;
        if answer["ok"] == true { Ok(answer) } else { Err(format!("{order}: {answer}").into()) }
    }

    /// A caller of that name, which is a tenant of its own.
    ///
    /// # Errors
    /// It gets no token.
    pub async fn caller(&self, name: &str) -> Result<Caller> {
        let answer = self.order(&format!("token {name}")).await?;
        let token = answer["token"].as_str().ok_or("no token")?;
        Ok(Caller::new(&self.endpoints.http_url, token.to_owned()))
    }

    /// Ends the system and waits for its end.
    ///
    /// # Errors
    /// The launcher can't be waited for.
    pub async fn stop(mut self) -> Result<()> {
        self.order("quit").await?;
        drop(self.orders);
        self._launcher.wait().await?;
        Ok(())
    }
}
