use expedite::view::Update;

/// API Gateway splits what is larger than a frame of 32 KB, and refuses what is larger than 128 KB. Under one frame a
/// client gets every push whole.
const FRAME_LIMIT: usize = 30 * 1024;

const HEAD: &str = r#"{"kind":"updates","updates":["#;
const TAIL: &str = "]}";

/// The updates as texts to push, as few as fit. An update is far smaller than a frame.
pub(crate) fn frames(updates: &[Update]) -> Vec<String> {
    let mut frames: Vec<String> = Vec::new();
    for update in updates.iter().filter_map(|update| serde_json::to_string(update).ok()) {
        match frames.last_mut() {
            Some(frame) if frame.len() + 1 + update.len() + TAIL.len() <= FRAME_LIMIT => {
                frame.push(',');
                frame.push_str(&update);
            }
            _ => frames.push(format!("{HEAD}{update}")),
        }
    }
    for frame in &mut frames {
        frame.push_str(TAIL);
    }
    frames
}
