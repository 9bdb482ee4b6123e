//! Mermaid, as code forges draw it in Markdown.

use std::fmt::Write as _;

use super::{Diagram, STANDINGS, look};

/// The diagram as Mermaid source.
pub fn mermaid(diagram: &Diagram) -> String {
    let mut out = format!("---\ntitle: {}\n---\nflowchart LR\n", front_matter(&diagram.title));
    let grouped: Vec<usize> = diagram.groups.iter().flat_map(|(_, nodes)| nodes.iter().copied()).collect();
    for (at, (provider, nodes)) in diagram.groups.iter().enumerate() {
        let _ = writeln!(out, "  subgraph g{at}[\"{}\"]", escape(provider));
        for &node in nodes {
            let _ = writeln!(out, "    {}", declaration(diagram, node));
        }
        out.push_str("  end\n");
    }
    for node in (0..diagram.nodes.len()).filter(|node| !grouped.contains(node)) {
        let _ = writeln!(out, "  {}", declaration(diagram, node));
    }
    for edge in &diagram.edges {
        let arrow = if edge.label.is_empty() {
            "-->".to_owned()
        } else {
            format!("-->|\"{}\"|", escape(&edge.label))
        };
        let _ = writeln!(out, "  s{} {arrow} s{}", edge.from, edge.to);
    }
    for standing in STANDINGS {
        if diagram.nodes.iter().any(|node| node.standing == standing) {
            let (word, line, fill) = look(standing);
            let _ = writeln!(out, "  classDef {word} stroke:{line},fill:{fill},color:#1f2328");
        }
    }
    out
}

fn declaration(diagram: &Diagram, at: usize) -> String {
    let node = &diagram.nodes[at];
    let text: Vec<String> = node.lines.iter().map(|line| escape(line)).collect();
    format!("s{at}[\"{}\"]:::{}", text.join("<br/>"), look(node.standing).0)
}

/// Everything that Mermaid or the HTML in it could read as more than text, as character references.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '-' | '_' | '.' | ',' | '/' | ':' | '(' | ')' => {
                out.push(character);
            }
            _ if character.is_alphanumeric() => out.push(character),
            _ => {
                let _ = write!(out, "#{};", u32::from(character));
            }
        }
    }
    out
}

/// A YAML scalar that is nothing else, whatever it holds.
fn front_matter(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(escape("a\"]:::x\n"), "a#34;#93;:::x#10;");
        assert_eq!(escape("<img src=x>"), "#60;img src#61;x#62;");
        assert_eq!(escape("Größe 10/2"), "Größe 10/2");
    }
}
