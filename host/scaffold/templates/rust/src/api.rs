//! The API of the provider. Answers come from outside: what is not as it should be is a failure.

use serde::{Deserialize, Serialize};
use ss_sdk::http::{Client, percent_encode};
use ss_sdk::{Context, Failure};

/// Origin of the API; the manifest asks for it.
const ORIGIN: &str = "https://api.{{name}}.example";

/// A widget, as the API shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct Widget {
    pub id: String,
    pub name: String,
    pub size: u32,
}

/// What a list of widgets looks like.
#[derive(Deserialize)]
struct Widgets {
    widgets: Vec<Widget>,
}

/// What a new widget is made of.
#[derive(Serialize)]
struct NewWidget<'a> {
    name: &'a str,
    size: u32,
}

/// What of a widget can be changed.
#[derive(Serialize)]
struct Resized {
    size: u32,
}

/// The API.
pub struct Api<'h>(Client<'h>);

impl<'h> Api<'h> {
    pub fn new(context: &Context<'h>) -> Self {
        Self(Client::new(context.host, "{{name}}", ORIGIN))
    }

    /// Address of a widget.
    pub fn url(id: &str) -> String {
        format!("{ORIGIN}{}", path(id))
    }

    /// The widgets of exactly this name.
    pub fn named(&self, name: &str) -> Result<Vec<Widget>, Failure> {
        let call = self.0.get("/v1/widgets").query("name", name).to("look the widget up");
        let found: Widgets = call.fetch()?;
        Ok(found.widgets.into_iter().filter(|widget| widget.name == name && !widget.id.is_empty()).collect())
    }

    /// The widget; none if there is none.
    pub fn read(&self, id: &str) -> Result<Option<Widget>, Failure> {
        self.0.get(&path(id)).to("read the widget").fetch_optional()
    }

    pub fn create(&self, name: &str, size: u32) -> Result<Widget, Failure> {
        let call = self.0.post("/v1/widgets").body(&NewWidget { name, size }).to("create the widget");
        let widget: Widget = call.fetch()?;
        if widget.id.is_empty() {
            return Err(Failure::outcome_unknown("{{name}} created a widget and did not say its id"));
        }
        Ok(widget)
    }

    pub fn resize(&self, id: &str, size: u32) -> Result<Widget, Failure> {
        self.0.patch(&path(id)).body(&Resized { size }).to("resize the widget").fetch()
    }

    /// A widget already gone is success.
    pub fn delete(&self, id: &str) -> Result<(), Failure> {
        let call = self.0.delete(&path(id)).to("delete the widget");
        let response = call.send()?;
        if response.is_success() || response.status == 404 { Ok(()) } else { Err(call.refusal(&response)) }
    }
}

fn path(id: &str) -> String {
    format!("/v1/widgets/{}", percent_encode(id))
}
