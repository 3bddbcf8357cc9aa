// The Dash component: React only mounts it and passes properties on.
(function () {
  "use strict";

  const React = window.React;
  const here = document.currentScript.src;
  const workerUrl = new URL("live_worker.js", here).href;

  function TwinMap(props) {
    const root = React.useRef(null);
    const controller = React.useRef(null);
    const newest = React.useRef(props);
    newest.current = props;

    React.useEffect(() => {
      const emit = (values) => newest.current.setProps?.(values);
      controller.current = new window.twinMapView.TwinMapController(root.current, props, {
        emit,
        workerUrl,
      });
      root.current.twinMap = controller.current; // for benches
      return () => controller.current.destroy();
    }, []);

    React.useEffect(() => {
      controller.current.update(props);
    });

    const className = props.className ? `twin-map ${props.className}` : "twin-map";
    return React.createElement("div", { id: props.id, className, ref: root });
  }

  window.twin_map = { ...window.twin_map, TwinMap };
})();
