//! DOT, the language of Graphviz.

use std::fmt::Write as _;

use super::{Diagram, look};

/// The diagram as DOT source.
pub fn dot(diagram: &Diagram) -> String {
    let mut out = format!(
        "digraph starsystem {{\n  label={};\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n",
        quoted(&diagram.title)
    );
    for (at, node) in diagram.nodes.iter().enumerate() {
        let (word, line, fill) = look(node.standing);
        let label = quoted(&node.lines.join("\n"));
        let _ = writeln!(
            out,
            "  s{at} [label={label}, class=\"{word}\", color=\"{line}\", fillcolor=\"{fill}\"];"
        );
    }
    for (at, (provider, nodes)) in diagram.groups.iter().enumerate() {
        let members: Vec<String> = nodes.iter().map(|node| format!("s{node};")).collect();
        let _ =
            writeln!(out, "  subgraph cluster_{at} {{ label={}; {} }}", quoted(provider), members.join(" "));
    }
    for edge in &diagram.edges {
        let label =
            if edge.label.is_empty() { String::new() } else { format!(" [label={}]", quoted(&edge.label)) };
        let _ = writeln!(out, "  s{} -> s{}{label};", edge.from, edge.to);
    }
    out.push_str("}\n");
    out
}

/// A quoted string: only quotes, backslashes and line ends mean more than themselves in one.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            _ if character.is_control() => out.push(' '),
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(quoted("a\"]; b\\\n\u{7}"), r#""a\"]; b\\\n ""#);
    }
}
