//! `{{name}}`: widgets of the {{name}} API, one per service.

mod api;
mod options;
#[cfg(test)]
mod tests;

use ss_sdk::{
    Action, Change, Context, Credential, Description, Failure, Health, Outcome, Plan, Provider, Service, State,
};

use api::{Api, Widget};
use options::Options;

/// The provider's name.
const NAME: &str = "{{name}}";

/// What a plan says.
const DETAIL: &str = "widget";

/// The provider.
pub struct Plugin;

ss_sdk::export!(Plugin);

impl Provider for Plugin {
    type Options = Options;

    fn describe() -> Description {
        Description {
            provider: NAME.into(),
            summary: "Widgets of the {{name}} API".into(),
            requires_api_key: false,
            options_schema: include_str!("../options.schema.json").into(),
            example: include_str!("../example/catalog.yaml").into(),
            ..Description::default()
        }
    }

    fn plan(context: &Context<'_>, service: &Service<Options>) -> Result<Plan, Failure> {
        // Nothing is recorded, so nothing is asked: the API need not be reachable to plan a first run.
        let recorded = context.existing.is_some() || context.partial.is_some();
        Ok(match if recorded { locate(context)? } else { None } {
            None => Plan::new(Action::Create, DETAIL),
            Some(widget) => Plan::converge(DETAIL, changes(&widget, &service.options)),
        })
    }

    fn provision(context: &Context<'_>, service: &Service<Options>) -> Result<Outcome, Failure> {
        let api = Api::new(context);
        let size = service.options.size;
        let widget = match locate(context)? {
            None => {
                let widget = api.create(&name(context), size)?;
                context.save_partial(&widget.id)?;
                context.step(format!("Widget created: {}", widget.name));
                widget
            }
            Some(widget) if widget.size != size => {
                let widget = api.resize(&widget.id, size)?;
                context.step(format!("Widget resized: {}, size {size}", widget.name));
                widget
            }
            Some(widget) => widget,
        };
        let summary = format!("widget {}, size {}", widget.name, widget.size);
        Ok(Outcome::new(state(context, &widget), summary)
            .with_credential(Credential::public("WIDGET_URL", Api::url(&widget.id))))
    }

    fn status(context: &Context<'_>, state: &State) -> Result<Health, Failure> {
        Ok(match Api::new(context).read(&state.resource_id)? {
            Some(widget) => Health::healthy(format!("widget {} is there", widget.name)),
            None => Health::unhealthy(format!("widget {} no longer exists", state.resource_id)),
        })
    }

    fn observe(
        context: &Context<'_>,
        service: &Service<Options>,
        state: &State,
    ) -> Result<Vec<Change>, Failure> {
        Ok(match Api::new(context).read(&state.resource_id)? {
            Some(widget) => changes(&widget, &service.options),
            None => vec![Change::new("widget", "gone", state.resource_id.as_str())],
        })
    }

    fn find(context: &Context<'_>, _: &Service<Options>) -> Result<Option<State>, Failure> {
        Ok(named(context)?.map(|widget| state(context, &widget)))
    }

    fn destroy(context: &Context<'_>, state: &State) -> Result<(), Failure> {
        Api::new(context).delete(&state.resource_id)
    }
}

/// The deterministic name: what an interrupted run created is found again by it.
fn name(context: &Context<'_>) -> String {
    format!("{}-{}-{}", context.project, context.environment, context.service_id)
}

/// The widget that is there already: by its recorded id, or else by its name.
fn locate(context: &Context<'_>) -> Result<Option<Widget>, Failure> {
    let recorded = context.existing.as_ref().map(|state| state.resource_id.clone());
    if let Some(id) = recorded.or_else(|| context.partial())
        && let Some(widget) = Api::new(context).read(&id)?
    {
        return Ok(Some(widget));
    }
    named(context)
}

fn named(context: &Context<'_>) -> Result<Option<Widget>, Failure> {
    let name = name(context);
    let mut widgets = Api::new(context).named(&name)?;
    if widgets.len() > 1 {
        return Err(Failure::conflict(format!("there is more than one widget `{name}`")));
    }
    Ok(widgets.pop())
}

fn changes(widget: &Widget, options: &Options) -> Vec<Change> {
    if widget.size == options.size {
        Vec::new()
    } else {
        vec![Change::new("size", widget.size, options.size)]
    }
}

fn state(context: &Context<'_>, widget: &Widget) -> State {
    let mut state = context.state(NAME, &widget.id);
    state.metadata.insert("name".into(), widget.name.clone().into());
    state
}
