import { render } from "preact";

import { App } from "./app";
import { applyTheme } from "./parts/theme";
import "./style.css";

applyTheme();
const place = document.getElementById("app");
if (place) render(<App />, place);
