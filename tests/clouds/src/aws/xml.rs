//! XML as the stand-in reads and writes it: elements with text or children.

use quick_xml::Reader;
use quick_xml::events::Event;

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Node>,
}

impl Node {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub(crate) fn text(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), text: text.into(), children: Vec::new() }
    }

    pub(crate) fn with(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text at a path such as `Paths/Quantity`; empty if nothing is there.
    pub(crate) fn value(&self, path: &str) -> &str {
        path.split('/').try_fold(self, |node, name| node.child(name)).map_or("", |node| node.text.as_str())
    }

    /// Every descendant of this name.
    pub(crate) fn all<'a>(&'a self, name: &str, found: &mut Vec<&'a Self>) {
        for child in &self.children {
            if child.name == name {
                found.push(child);
            }
            child.all(name, found);
        }
    }

    /// Reads a document; none if it is not well formed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = Vec::new();
        loop {
            let done = match reader.read_event().ok()? {
                Event::Start(start) => {
                    open.push(Self::new(std::str::from_utf8(start.local_name().as_ref()).ok()?));
                    None
                }
                Event::Empty(start) => {
                    Some(Self::new(std::str::from_utf8(start.local_name().as_ref()).ok()?))
                }
                Event::End(_) => open.pop(),
                Event::Text(text) => {
                    if let Some(node) = open.last_mut() {
                        node.text.push_str(&text.decode().unwrap_or_default());
                    }
                    None
                }
                Event::GeneralRef(reference) => {
                    let name = reference.decode().ok()?;
                    let known = quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned);
                    let known = known.or_else(|| Some(reference.resolve_char_ref().ok()??.to_string()))?;
                    open.last_mut()?.text.push_str(&known);
                    None
                }
                Event::Eof => return None,
                _ => None,
            };
            if let Some(mut node) = done {
                if !node.children.is_empty() {
                    node.text.clear();
                }
                match open.last_mut() {
                    Some(parent) => parent.children.push(node),
                    None => return Some(node),
                }
            }
        }
    }

    /// The document with this root.
    pub(crate) fn document(&self, namespace: &str) -> String {
        let mut text =
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{} xmlns=\"{namespace}\">", self.name);
        self.write_content(&mut text);
        text + &format!("</{}>", self.name)
    }

    fn write_content(&self, out: &mut String) {
        out.push_str(&quick_xml::escape::escape(self.text.as_str()));
        for child in &self.children {
            out.push_str(&format!("<{}>", child.name));
            child.write_content(out);
            out.push_str(&format!("</{}>", child.name));
        }
    }
}
