// The component Tree (dashboards/widgets/tree.py): elements that change only where they differ.
(function () {
  "use strict";

  const React = window.React;
  const TAGS = new Set(
    ("a code dd details div dl dt em h2 h3 h4 kbd li nav ol p section span summary table caption " +
      "tbody td th thead tr ul button strong q input select option optgroup label fieldset legend " +
      "progress").split(" "),
  );
  const KEYS = ["id", "data-id", "data-uid"];

  function made(node, index) {
    if (Array.isArray(node)) {
      return node.map(made);
    }
    if (node === null || typeof node !== "object") {
      return node;
    }
    const tag = String(node.type).toLowerCase();
    if (!TAGS.has(tag)) {
      return null;
    }
    const { children, ...props } = node.props;
    const named = KEYS.find((key) => props[key] !== undefined);
    const key = named ? props[named] : `${tag}${index}`;
    const content = Array.isArray(children) ? children.map(made) : [made(children, 0)];
    return React.createElement(tag, { ...props, key }, ...content);
  }

  function Tree({ id, tag = "div", tree = [], looks = {} }) {
    return React.createElement(tag, { id, ...looks }, ...tree.map(made));
  }

  window.stadtzwilling_parts = { Tree };
})();
