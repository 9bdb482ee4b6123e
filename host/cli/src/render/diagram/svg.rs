//! SVG, laid out in ranks.

use layout::backends::svg::SVGWriter;
use layout::core::base::Orientation;
use layout::core::color::Color;
use layout::core::style::{LineStyleKind, StyleAttr};
use layout::std_shapes::render::get_shape_size;
use layout::std_shapes::shapes::{Arrow, Element, LineEndKind, ShapeKind};
use layout::topo::layout::VisualGraph;

use super::{Diagram, look};

const FONT_SIZE: usize = 14;
const EDGE_FONT_SIZE: usize = 10;
const ROUNDED: usize = 8;
const DIRECTION: Orientation = Orientation::LeftToRight;

/// The diagram as an SVG document.
pub fn svg(diagram: &Diagram) -> String {
    let mut graph = VisualGraph::new(DIRECTION);
    let handles: Vec<_> = diagram
        .nodes
        .iter()
        .map(|node| {
            let (_, line, fill) = look(node.standing);
            let style = StyleAttr::new(Color::fast(line), 2, Some(Color::fast(fill)), ROUNDED, FONT_SIZE);
            let shape = ShapeKind::new_box(&node.lines.join("\n"));
            let size = get_shape_size(DIRECTION, &shape, FONT_SIZE, false);
            graph.add_node(Element::create(shape, style, DIRECTION, size))
        })
        .collect();
    let style = StyleAttr::new(Color::fast("#57606a"), 1, None, 0, EDGE_FONT_SIZE);
    for edge in &diagram.edges {
        let (start, end) = (LineEndKind::None, LineEndKind::Arrow);
        let arrow = Arrow::new(start, end, LineStyleKind::Normal, &edge.label, &style, &None, &None);
        graph.add_edge(arrow, handles[edge.from], handles[edge.to]);
    }
    let mut writer = SVGWriter::new();
    // An empty drawing has no extent, which the layout cannot work with.
    if !diagram.nodes.is_empty() {
        graph.do_it(false, false, false, &mut writer);
    }
    writer.finalize()
}
