//! The flushes of another process's disk, seen and delayed by `strace`.

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

/// The system calls that flush.
const CALLS: &str = "fsync,fdatasync,msync";

/// A process whose flushes are counted until this goes.
pub struct Watched {
    strace: Child,
    summary: std::path::PathBuf,
}

/// Whether there is an `strace`.
pub fn can_be_watched() -> bool {
    Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

impl Watched {
    /// Counts the flushes of a process, and makes each longer where that is asked for.
    pub fn start(pid: i32, longer: Option<Duration>) -> Self {
        let summary = std::env::temp_dir().join(format!("expedite-flushes-{pid}"));
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-c", "-e", &format!("trace={CALLS}"), "-p", &pid.to_string(), "-o"])
            .arg(&summary);
        if let Some(longer) = longer {
            strace.args(["-e", &format!("inject={CALLS}:delay_exit={}", longer.as_micros())]);
        }
        let strace = strace.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let threads = || fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
        let watched = |thread: fs::DirEntry| {
            let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            !status.contains("TracerPid:\t0")
        };
        while !threads().all(watched) {
            sleep(Duration::from_millis(10));
        }
        Self { strace, summary }
    }

    /// How many there were.
    pub fn end(mut self) -> usize {
        let pid = self.strace.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.strace.wait().unwrap();
        let summary = fs::read_to_string(&self.summary).unwrap();
        fs::remove_file(&self.summary).unwrap();
        let total = summary.lines().find(|line| line.ends_with("total"));
        total.map_or(0, |line| line.split_whitespace().nth(3).unwrap().parse().unwrap())
    }
}
