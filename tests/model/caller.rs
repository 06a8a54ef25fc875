//! What callers ask for, and what they may rely on once it is answered.

use crate::{
    invocation::Function,
    subscriber::View,
    system::{Ended, Purpose, Running, System},
};
use control::{Control, Scopes};
use expedite::{domain::Tenant, ports::Key};
use ingest::Ingest;
use lambda_http::{Body, Response};
use serde_json::{Value, json};

/// A request. Messages are named by their senders.
#[derive(Clone, Debug)]
pub enum Request {
    /// `POST /v1/messages`.
    Submit { tenant: &'static str, name: String, fields: Value, key: Option<String> },
    /// `POST /v1/messages/batch`.
    Batch { tenant: &'static str, messages: Vec<(String, Value)>, key: Option<String> },
    /// `DELETE /v1/messages/{id}`.
    Cancel { tenant: &'static str, name: String },
    /// `PATCH /v1/messages/{id}`.
    Amend { tenant: &'static str, name: String, fields: Value },
    /// `POST /v1/messages/{id}/redrive`.
    Redrive { tenant: &'static str, name: String },
    /// `POST /v1/redrive`.
    RedriveAll { tenant: &'static str },
    /// `GET /v1/messages`.
    List { tenant: &'static str },
}

impl Request {
    pub fn submit(name: &str, fields: Value) -> Self {
        Self::Submit { tenant: "acme", name: name.to_owned(), fields, key: None }
    }

    pub const fn tenant(&self) -> &'static str {
        match self {
            Self::Submit { tenant, .. }
            | Self::Batch { tenant, .. }
            | Self::Cancel { tenant, .. }
            | Self::Amend { tenant, .. }
            | Self::Redrive { tenant, .. }
            | Self::RedriveAll { tenant }
            | Self::List { tenant } => tenant,
        }
    }

    fn names(&self) -> Vec<&str> {
        match self {
            Self::Submit { name, .. } => vec![name],
            Self::Batch { messages, .. } => messages.iter().map(|(name, _)| name.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// The message that it commands.
    fn target(&self) -> Option<&str> {
        match self {
            Self::Cancel { name, .. } | Self::Amend { name, .. } | Self::Redrive { name, .. } => Some(name),
            _ => None,
        }
    }

    const fn route(&self) -> &'static str {
        match self {
            Self::Submit { .. } => "POST /v1/messages",
            Self::Batch { .. } => "POST /v1/messages/batch",
            Self::Cancel { .. } => "DELETE /v1/messages/{id}",
            Self::Amend { .. } => "PATCH /v1/messages/{id}",
            Self::Redrive { .. } => "POST /v1/messages/{id}/redrive",
            Self::RedriveAll { .. } => "POST /v1/redrive",
            Self::List { .. } => "GET /v1/messages",
        }
    }

    fn body(&self) -> Option<Value> {
        match self {
            Self::Submit { name, fields, .. } => Some(message(name, fields)),
            Self::Batch { messages, .. } => {
                let messages: Vec<_> = messages.iter().map(|(name, fields)| message(name, fields)).collect();
                Some(json!({"messages": messages}))
            }
            Self::Amend { fields, .. } => Some(fields.clone()),
            Self::RedriveAll { .. } => Some(json!({})),
            _ => None,
        }
    }

    fn key(&self) -> Option<&str> {
        match self {
            Self::Submit { key, .. } | Self::Batch { key, .. } => key.as_deref(),
            _ => None,
        }
    }

    fn event(&self, target: Option<&Key>) -> lambda_http::Request {
        let mut headers = json!({"content-type": "application/json"});
        if let Some(key) = self.key() {
            headers["idempotency-key"] = json!(key);
        }
        let (method, path) = self.route().split_once(' ').unwrap();
        let event = json!({
            "version": "2.0",
            "routeKey": self.route(),
            "rawPath": path,
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {
                "authorizer": {"jwt": {"claims": {"sub": self.tenant()}, "scopes": null}},
                "http": {"method": method, "path": path},
                "routeKey": self.route(),
                "stage": "$default",
            },
            "pathParameters": target.map(|key| json!({"id": key.id.to_string()})),
            "body": self.body().map(|body| body.to_string()),
            "isBase64Encoded": false,
        });
        lambda_http::request::from_str(&event.to_string()).unwrap()
    }
}

/// A submission of that name; `work` among its fields is what the handler shall do.
fn message(name: &str, fields: &Value) -> Value {
    let mut body = fields.clone();
    let mut work = body.as_object_mut().and_then(|body| body.remove("work")).unwrap_or_else(|| json!({}));
    work["name"] = json!(name);
    body["type"] = json!("demo");
    body["payload"] = work;
    body
}

impl System {
    /// Asks, and waits for the answer's status; none where the function died, or the message to command is not there.
    pub fn ask(&mut self, request: Request) -> Option<u16> {
        let running = self.request(request)?;
        match self.run(running) {
            Some(Ended::Answered(answer)) => Some(answer.status().as_u16()),
            _ => None,
        }
    }

    /// Starts a request; none where the message to command is not there.
    pub fn request(&mut self, request: Request) -> Option<Running> {
        let target = match request.target() {
            None => None,
            Some(name) => Some(self.world.history().key(name)?),
        };
        for name in request.names() {
            self.world.history().ledger.asked(name);
        }
        let event = request.event(target.as_ref());
        let tenant: Tenant = request.tenant().parse().unwrap();
        let function = if request.names().is_empty() { Function::Control } else { Function::Ingest };
        let mut by = self.invocation(function);
        by.tenant = Some(tenant);
        let aging = self.aging;
        Some(self.launch(by, Purpose::Request(request, target), 29, move |ports, _| async move {
            let (clock, entropy, meter) = (ports.clone(), ports.clone(), ports.clone());
            let tenant_claim = "sub".to_owned();
            if function == Function::Ingest {
                let (store, broker, high_priority_scope) = (ports.clone(), ports, String::new());
                let ingest =
                    Ingest { store, broker, clock, entropy, meter, aging, tenant_claim, high_priority_scope };
                return Ended::Answered(ingest.handle(&event).await);
            }
            let (tickets, scopes) = (&ports.world.connections, Scopes::default());
            let messages = ports.clone();
            let control = Control { messages, tickets, clock, entropy, meter, tenant_claim, scopes };
            Ended::Answered(control.handle(&event).await)
        }))
    }

    /// Holds the system to its answer.
    pub fn answered(&self, request: &Request, target: Option<&Key>, answer: &Response<Body>) {
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        let mut history = self.world.history();
        let foreign = target.is_some_and(|key| key.tenant.as_str() != request.tenant());
        let allowed: &[u16] = match request {
            Request::Submit { .. } => &[200, 202, 503],
            Request::Batch { .. } | Request::RedriveAll { .. } | Request::List { .. } => &[200, 503],
            // A failed read says so before it can be known whose message it is.
            _ if foreign => &[404, 503],
            Request::Amend { .. } => &[200, 400, 409, 503],
            _ => &[200, 409, 503],
        };
        if !allowed.contains(&status) {
            history.violations.push(format!("{request:?} was answered {status}: {body}"));
        }
        match (request, target) {
            (Request::Submit { name, .. }, _) if status < 300 => history.ledger.acknowledged(name),
            (Request::Batch { messages, .. }, _) if status < 300 => {
                for ((name, _), result) in messages.iter().zip(body["results"].as_array().unwrap()) {
                    if result["status"].as_u64().unwrap() < 300 {
                        history.ledger.acknowledged(name);
                    }
                }
            }
            (Request::Cancel { .. }, Some(key)) if status < 300 => history.cancelled.push(key.clone()),
            (Request::RedriveAll { tenant }, _) if status < 300 => {
                for entry in body["messages"].as_array().unwrap() {
                    if entry["redriven"] == true {
                        let id = entry["id"].as_str().unwrap().parse().unwrap();
                        history.redriven(&Key { tenant: tenant.parse().unwrap(), id });
                    }
                }
            }
            (Request::Redrive { .. }, Some(key)) if status < 300 => history.redriven(key),
            _ => (),
        }
    }

    /// What a subscriber of a tenant knows who has applied all pushes, and a list after them or not.
    pub fn view(&mut self, tenant: &'static str, with_list: bool) -> View {
        let mut view = View::default();
        for frame in self.world.push.frames(&Self::socket(tenant)) {
            let frame: Value = serde_json::from_str(&frame).unwrap();
            view.take(&frame["updates"]);
        }
        if !with_list {
            return view;
        }
        let list = self.request(Request::List { tenant }).unwrap();
        if let Some(Ended::Answered(answer)) = self.run(list) {
            let page: Value = serde_json::from_slice(answer.body()).unwrap();
            view.take(&page["messages"]);
        }
        view
    }
}
