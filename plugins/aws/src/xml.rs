//! XML as AWS speaks it: elements with text or children, no attributes that matter.
//!
//! Threat: answers are read whole before they are parsed and may be anything. Depth and number of elements
//! are capped, document types are refused, and no entity but the five of XML is known.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// Deepest nesting; CloudFront's configurations have about ten levels.
const MAX_DEPTH: usize = 32;
/// Most elements; a page of a thousand object versions has about ten thousand.
const MAX_ELEMENTS: usize = 50_000;

/// An element: a name, and text or children.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Without a namespace prefix.
    pub name: String,
    /// All its text.
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    /// An element without content.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// An element that holds text.
    pub fn text(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), children: Vec::new() }
    }

    /// An element with one more child.
    #[must_use]
    pub fn with(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// CloudFront's form of a list: how many there are, and the items if there are any.
    pub fn list(name: &str, items: Vec<Self>) -> Self {
        let list = Self::new(name).with(Self::text("Quantity", items.len().to_string()));
        if items.is_empty() {
            return list;
        }
        list.with(Self { children: items, ..Self::new("Items") })
    }

    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The children of this name.
    pub fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first descendant at this path, such as `Origins/Items`.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |element, name| element.child(name))
    }

    /// The text at this path; empty if nothing is there.
    pub fn value(&self, path: &str) -> &str {
        self.at(path).map_or("", |element| element.text.trim())
    }

    /// The items of CloudFront's form of a list at this path.
    pub fn items(&self, path: &str) -> &[Self] {
        self.at(path).and_then(|list| list.child("Items")).map_or(&[], |items| &items.children)
    }

    /// The child of this name, made if there is none.
    pub fn entry(&mut self, name: &str) -> &mut Self {
        let known = self.children.iter().position(|child| child.name == name);
        let index = known.unwrap_or_else(|| {
            self.children.push(Self::new(name));
            self.children.len() - 1
        });
        &mut self.children[index]
    }

    /// Puts a child in the place of those of its name.
    pub fn set(&mut self, child: Self) {
        let known = self.children.iter().position(|known| known.name == child.name);
        match known {
            Some(index) => self.children[index] = child,
            None => self.children.push(child),
        }
    }

    /// Sets the text of a child.
    pub fn set_text(&mut self, name: &str, text: impl Into<String>) {
        self.set(Self::text(name, text));
    }

    /// Removes the children of this name.
    pub fn remove(&mut self, name: &str) {
        self.children.retain(|child| child.name != name);
    }

    /// The document with this element as its root, in the namespace.
    pub fn document(&self, namespace: &str) -> Vec<u8> {
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut text, Some(namespace));
        text.into_bytes()
    }

    fn write(&self, out: &mut String, namespace: Option<&str>) {
        out.push('<');
        out.push_str(&self.name);
        if let Some(namespace) = namespace {
            out.push_str(" xmlns=\"");
            out.push_str(namespace);
            out.push('"');
        }
        out.push('>');
        escape(&self.text, out);
        for child in &self.children {
            child.write(out, None);
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }

    /// Reads a document.
    ///
    /// # Errors
    ///
    /// What is wrong with it. The sentence quotes nothing of the document.
    pub fn parse(document: &[u8]) -> Result<Self, &'static str> {
        let mut reader = Reader::from_reader(document);
        let mut open: Vec<Self> = Vec::new();
        let mut elements = 0;
        loop {
            let event = reader.read_event().map_err(|_| "it is not well-formed XML")?;
            let closed = match event {
                Event::Start(start) => {
                    elements += 1;
                    if open.len() >= MAX_DEPTH || elements > MAX_ELEMENTS {
                        return Err("it is deeper or longer than any answer of AWS");
                    }
                    open.push(named(&start)?);
                    None
                }
                Event::Empty(start) => {
                    elements += 1;
                    Some(named(&start)?)
                }
                Event::End(_) => open.pop(),
                Event::Text(text) => {
                    append(&mut open, std::str::from_utf8(&text).map_err(|_| NOT_UTF8)?);
                    None
                }
                Event::CData(text) => {
                    append(&mut open, std::str::from_utf8(&text).map_err(|_| NOT_UTF8)?);
                    None
                }
                Event::GeneralRef(reference) => {
                    let mut buffer = [0; 4];
                    append(&mut open, resolve(&reference)?.encode_utf8(&mut buffer));
                    None
                }
                Event::DocType(_) => return Err("it has a document type"),
                Event::Eof => return Err("it ends too early"),
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => None,
            };
            if let Some(mut element) = closed {
                // White space between children is layout.
                if !element.children.is_empty() {
                    element.text.clear();
                }
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => return Ok(element),
                }
            }
        }
    }
}

const NOT_UTF8: &str = "it is not UTF-8";

fn named(start: &BytesStart<'_>) -> Result<Element, &'static str> {
    let name = start.local_name();
    Ok(Element::new(std::str::from_utf8(name.as_ref()).map_err(|_| NOT_UTF8)?))
}

fn append(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn resolve(reference: &BytesRef<'_>) -> Result<char, &'static str> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Ok(character);
    }
    match &**reference {
        b"lt" => Ok('<'),
        b"gt" => Ok('>'),
        b"amp" => Ok('&'),
        b"apos" => Ok('\''),
        b"quot" => Ok('"'),
        _ => Err("it has an entity that XML does not know"),
    }
}

fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            // A parser would read it as a line feed.
            '\r' => out.push_str("&#13;"),
            _ => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let tag = Element::new("Tag").with(Element::text("Key", "a<b>&\"c'\r\n")).with(Element::new("Value"));
        let root = Element::new("Tagging").with(tag).with(Element::list("L", vec![Element::text("I", "é")]));
        let document = root.document("http://example.test/");
        assert_eq!(Element::parse(&document).expect("well-formed"), root);
    }

    #[test]
    fn answers_are_read() {
        let text = b"<?xml version=\"1.0\"?>\n<s:A xmlns:s='x'> <!-- c --><B>1&#x41;&lt;</B><B/>\n<C><![CDATA[<]]></C></s:A>\n";
        let root = Element::parse(text).expect("well-formed");
        assert_eq!((root.name.as_str(), root.text.as_str()), ("A", ""));
        assert_eq!(root.children("B").map(|b| b.text.as_str()).collect::<Vec<_>>(), ["1A<", ""]);
        assert_eq!(root.value("C"), "<");
        assert_eq!(root.value("C/D"), "");
        assert_eq!(root.items("C"), []);
    }

    #[test]
    fn hostile_documents_are_refused() {
        let deep = "<a>".repeat(100_000);
        let long = format!("<a>{}</a>", "<b></b>".repeat(MAX_ELEMENTS));
        let bomb = "<!DOCTYPE a [<!ENTITY b \"cc\">]><a>&b;</a>";
        for text in
            ["", "text", "<a>", "<a></b>", "<a>&b;</a>", "<a>&#xFFFFFFFF;</a>", "{}", &deep, &long, bomb]
        {
            assert!(Element::parse(text.as_bytes()).is_err(), "{}", &text[..text.len().min(40)]);
        }
        assert!(Element::parse(b"<a>\xff</a>").is_err());
        assert!(Element::parse(b"\xff\xfe<a/>").is_err());
    }

    #[test]
    fn children_are_replaced_and_made() {
        let mut root = Element::new("A").with(Element::text("B", "1"));
        root.set_text("B", "2");
        root.entry("C").set_text("D", "3");
        assert_eq!((root.value("B"), root.value("C/D"), root.children.len()), ("2", "3", 2));
        root.remove("B");
        assert_eq!(root.value("B"), "");
    }
}
