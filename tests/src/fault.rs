//! What can go wrong in a running system, to order. Most of it lasts until an [`Outage`] goes.
//!
//! Functions are named as in the template, without the stack's name; tables by the template's output.

use crate::{Result, launcher::System};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Something does not work until this goes, however that comes.
#[derive(Debug)]
#[must_use = "it ends at once"]
pub struct Outage<'a> {
    system: &'a System,
    end: End,
}

/// How it ends.
#[derive(Debug)]
enum End {
    Order(&'static str),
    Mapping { name: String },
    Fault { name: String },
    Paused { function: String },
    Ended,
}

/// Kills the broker. It comes back with what is on its disk.
///
/// # Errors
/// The launcher refuses it.
pub fn kill_broker(system: &System) -> Result<Outage<'_>> {
    ordered(system, "broker kill", "broker start")
}

/// Freezes the broker: its connections stay open, and silent.
///
/// # Errors
/// The launcher refuses it.
pub fn freeze_broker(system: &System) -> Result<Outage<'_>> {
    ordered(system, "broker freeze", "broker thaw")
}

/// Stops the poller: no mapping takes anything from the broker.
///
/// # Errors
/// The launcher refuses it.
pub fn stop_poller(system: &System) -> Result<Outage<'_>> {
    ordered(system, "poller stop", "poller start")
}

/// Disables the mapping of a queue, or the one that feeds a function from a table's stream.
///
/// # Errors
/// There is no such mapping.
pub fn disable_mapping<'a>(system: &'a System, name: &str) -> Result<Outage<'a>> {
    let of_a_queue = ["standard", "express", "DLQ.standard", "DLQ.express"].contains(&name);
    let name = if of_a_queue { name.to_owned() } else { full_name(system, name) };
    system.order(&format!("mapping off {name}"))?;
    Ok(Outage { system, end: End::Mapping { name } })
}

/// The next `calls` of an operation on a table are throttled: nothing is done, and the same call passes when it
/// is made again.
///
/// # Errors
/// The launcher refuses it.
pub fn refuse<'a>(system: &'a System, table: &str, operation: &str, calls: u32) -> Result<Outage<'a>> {
    fault(system, format!("refuse {}/{operation}", system.endpoints.outputs[table]), calls)
}

/// The next `calls` of an operation on a table are carried out, and answered with an error.
///
/// # Errors
/// The launcher refuses it.
pub fn lose_answers<'a>(system: &'a System, table: &str, operation: &str, calls: u32) -> Result<Outage<'a>> {
    fault(system, format!("lose {}/{operation}", system.endpoints.outputs[table]), calls)
}

/// The next `calls` of a function fail before it sees them.
///
/// # Errors
/// The launcher refuses it.
pub fn fail_function<'a>(system: &'a System, function: &str, calls: u32) -> Result<Outage<'a>> {
    fault(system, format!("fail {}", full_name(system, function)), calls)
}

/// Stops the processes that run a function now, as a machine without a processor would; calls that come later run in
/// others. A call that is not answered in its time ends its process.
///
/// # Errors
/// None runs it, so there is nothing to stop.
pub fn pause_function<'a>(system: &'a System, function: &str) -> Result<Outage<'a>> {
    if signal(system, function, "STOP")? == 0 {
        return Err(format!("no process runs {function}").into());
    }
    Ok(Outage { system, end: End::Paused { function: function.to_owned() } })
}

/// Kills the processes that run a function, in the middle of what they do, and says how many.
///
/// # Errors
/// They can't be looked for.
pub fn kill_function(system: &System, function: &str) -> Result<usize> {
    signal(system, function, "KILL")
}

impl Outage<'_> {
    /// How many calls it has hit; for what the emulator counts, 0 for everything else.
    ///
    /// # Errors
    /// The launcher refuses it.
    pub fn hits(&self) -> Result<u64> {
        let End::Fault { name } = &self.end else { return Ok(0) };
        Ok(self.system.order("fault hits")?["hits"][name].as_u64().unwrap_or_default())
    }

    /// Ends it, and says what it has hit.
    ///
    /// # Errors
    /// It can't be ended.
    pub fn end(mut self) -> Result<u64> {
        let hits = self.hits()?;
        self.mend()?;
        Ok(hits)
    }

    fn mend(&mut self) -> Result<()> {
        let order = match std::mem::replace(&mut self.end, End::Ended) {
            End::Order(order) => order.to_owned(),
            End::Mapping { name } => format!("mapping on {name}"),
            End::Fault { name } => format!("fault {name} 0"),
            End::Paused { function } => return signal(self.system, &function, "CONT").map(drop),
            End::Ended => return Ok(()),
        };
        self.system.order(&order).map(drop)
    }
}

impl Drop for Outage<'_> {
    fn drop(&mut self) {
        let _ = self.mend();
    }
}

fn ordered<'a>(system: &'a System, order: &str, back: &'static str) -> Result<Outage<'a>> {
    system.order(order)?;
    Ok(Outage { system, end: End::Order(back) })
}

fn fault(system: &System, name: String, calls: u32) -> Result<Outage<'_>> {
    system.order(&format!("fault {name} {calls}"))?;
    Ok(Outage { system, end: End::Fault { name } })
}

fn full_name(system: &System, function: &str) -> String {
    format!("{}-{function}", system.endpoints.stack_name)
}

/// Signals every process that the emulator runs a function in, and says how many those are.
fn signal(system: &System, function: &str, name: &str) -> Result<usize> {
    let mut signalled = 0;
    for process in processes(system, function)? {
        let pid = process.file_name().unwrap_or_default();
        // It may have ended meanwhile.
        signalled += usize::from(Command::new("kill").arg(format!("-{name}")).arg(pid).status()?.success());
    }
    Ok(signalled)
}

/// The processes that the emulator runs a function in, as folders of `/proc`.
fn processes(system: &System, function: &str) -> Result<Vec<PathBuf>> {
    let emulator = format!("PPid:\t{}", system.endpoints.pids["emulator"]);
    let variable = format!("AWS_LAMBDA_FUNCTION_NAME={}", full_name(system, function));
    let runs_it = |process: &Path| {
        let status = fs::read_to_string(process.join("status")).unwrap_or_default();
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        status.lines().any(|line| line == emulator)
            && environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
    };
    let all = fs::read_dir("/proc")?.flatten().map(|process| process.path());
    Ok(all.filter(|process| runs_it(process)).collect())
}
