/** Starts the UI. */
import { mount } from "svelte";

import App from "./App.svelte";
import "./app.css";
import { clock } from "./state/clock.svelte";
import { connection } from "./state/connection.svelte";
import { navigation } from "./state/navigation.svelte";
import { preferences } from "./state/preferences.svelte";

preferences.start();
connection.start();
navigation.start();
clock.start();
mount(App, { target: document.getElementById("app")! });
