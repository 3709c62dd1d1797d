/* Where the page begins. */
import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { App } from "./app";
import * as router from "./router";
import * as theme from "./theme";

const root = document.querySelector("#app");
if (root !== null) {
  theme.start();
  root.replaceChildren();
  render(<App />, root);
  router.start();
}
