// Keys of the flame graph.

/// Does what a key of the graph means; whether it means something.
export function press(graph, key) {
  const box = graph.selected ?? graph.layout.root;
  const towardsCallees = graph.state.isUp ? 'ArrowUp' : 'ArrowDown';
  const isLeaving = (key === towardsCallees) === (box.tree.direction > 0);
  switch (key) {
    case 'ArrowUp':
    case 'ArrowDown':
      if (box.node === 0) {
        const tree = key === towardsCallees ? graph.layout.below : graph.layout.above;
        if (tree) graph.step(tree, tree.child(0));
      } else graph.step(box.tree, isLeaving ? box.tree.child(box.node) : box.tree.parent[box.node]);
      return true;
    case 'ArrowLeft': graph.step(box.tree, box.tree.neighbour(box.node, -1)); return true;
    case 'ArrowRight': graph.step(box.tree, box.tree.neighbour(box.node, 1)); return true;
    case 'Home': graph.select(graph.layout.root); return true;
    case 'Enter': graph.pivot(box); return true;
    case 'Escape': graph.escape(); return true;
    case 'z': graph.zoomTo(box); return true;
    case '+': graph.zoom(0.5); return true;
    case '-': graph.zoom(2); return true;
    case 'r': graph.reverse(); return true;
    case 'i': graph.turn(); return true;
    case 'm':
    case 'ContextMenu': {
      if (!graph.layout.isFunction(box)) return false;
      const bounds = graph.view.getBoundingClientRect();
      const share = (box.tree.x[box.node] - graph.window.x0) / (graph.window.x1 - graph.window.x0);
      const y = (graph.rowOf(box) + 1) * graph.rowHeight - graph.top;
      graph.openMenu(box, bounds.left + Math.max(0, share) * bounds.width, bounds.top + y);
      return true;
    }
    default: return false;
  }
}
