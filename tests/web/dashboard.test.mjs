// The dashboard in a real browser, over the sample store: every page opens cleanly, shows the numbers that the command
// line prints, keeps its state in the address, and leads to lists that are as long as the numbers say.
//
// WAYFARE_URL is a running `wayfare serve`, WAYFARE_BIN the program, WAYFARE_STORE the store it serves.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

const require = createRequire(new URL("../../crates/wayfare/web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const BASE = process.env.WAYFARE_URL;
const WAIT_MS = 60_000;
/** Links of a page whose lists are counted. */
const LINKS_MAX = 4;
/** Rows of a table that axe has seen the like of; each costs it time. */
const ALIKE = [["tbody tr:nth-child(n + 12)"]];
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PAGES = [
  "/journeys",
  "/journey?journey=login",
  "/journey?journey=login&view=failures",
  "/journey?journey=login&view=paths",
  "/journey?journey=login&view=durations",
  "/journey?journey=login&view=compare",
  "/invocations",
  "/activity/user",
  "/activity/admin",
  "/activity/verify",
  "/activity/risk",
  "/activity/user?by=hour",
  "/quality",
];

let browser;
before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
});
after(() => browser?.close());

/** What the command line prints, as JSON rows. */
function printed(...words) {
  const output = execFileSync(process.env.WAYFARE_BIN, [...words, "--store", process.env.WAYFARE_STORE, "--format", "json"]);
  return JSON.parse(output).rows;
}

/** A page that remembers what went wrong on it and where its requests went. */
async function opened(path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  const trouble = [];
  const hosts = new Set();
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && trouble.push(message.text()));
  page.on("pageerror", (error) => trouble.push(error.message));
  page.on("request", (request) => !/^(data|blob):/.test(request.url()) && hosts.add(new URL(request.url()).origin));
  await page.goto(BASE + path);
  await settled(page);
  return { page, trouble, hosts, close: () => context.close() };
}

/** Waits until no panel is busy any more. */
async function settled(page) {
  await page.waitForFunction(
    () => document.querySelector(".panel") && !document.querySelector("[aria-busy=true]"),
    null,
    { timeout: WAIT_MS },
  );
}

/** Opens the tables beside the charts; each is drawn a moment after its click. */
async function openTables(page) {
  for (const summary of await page.locator("summary").all()) await summary.click();
  await page.waitForFunction(
    () => [...document.querySelectorAll("details")].every((beside) => beside.querySelector("table")),
    null,
    { timeout: WAIT_MS },
  );
}

/** The text of a table's cells, a row each, by the caption of the table. */
function cells(page, caption) {
  return page.$$eval(
    "table",
    (tables, caption) => {
      const table = tables.find((table) => table.caption?.textContent === caption);
      return [...(table?.tBodies[0]?.rows ?? [])].map((row) => [...row.cells].map((cell) => cell.innerText.trim()));
    },
    caption,
  );
}

for (const path of PAGES) {
  test(`${path} opens without a complaint, and can be used by everyone, in light and dark`, async () => {
    const { page, trouble, hosts, close } = await opened(path);
    assert.equal(await page.locator(".trouble").count(), 0, await page.locator("main").innerText());
    await page.evaluate(AXE);
    // only colours differ in the dark
    for (const [colorScheme, rules] of [["light", {}], ["dark", { runOnly: ["color-contrast"] }]]) {
      await page.emulateMedia({ colorScheme });
      const found = await page.evaluate(([rules, exclude]) => globalThis.axe.run({ include: [["html"]], exclude }, { resultTypes: ["violations"], ...rules }), [rules, ALIKE]);
      const grave = found.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
      assert.deepEqual(
        grave.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).slice(0, 3)}`),
        [],
      );
    }
    assert.deepEqual(trouble, []);
    assert.deepEqual([...hosts], [BASE], "a request left the host");
    await close();
  });
}

test("journeys show the numbers of the command line", async () => {
  const { page, close } = await opened("/journeys");
  const shown = await cells(page, "Journeys and how their runs ended");
  const rows = printed("overview");
  assert.equal(shown.length, rows.length);
  for (const [index, row] of rows.entries()) {
    assert.equal(shown[index][0], row.journey_id);
    assert.equal(shown[index][2], row.started.toLocaleString("en"));
    assert.equal(shown[index][3], row.total_invocations.toLocaleString("en"));
    assert.equal(shown[index][4], `${(row.completion_rate * 100).toFixed(1)} %`);
    assert.equal(shown[index].at(-1), String(row.open));
  }
  await close();
});

test("the funnel shows the numbers of the command line", async () => {
  const { page, close } = await opened("/journey?journey=login");
  const shown = await cells(page, "Funnel");
  const rows = printed("funnel", "--journey", "login");
  assert.deepEqual(
    shown.map((row) => [row[1], row[2]]),
    rows.map((row) => [row.name, row.reached.toLocaleString("en")]),
  );
  await close();
});

test("every number of a funnel opens a list of that length, lost runs by reason too", async () => {
  const { page, close } = await opened("/journey?journey=login");
  const lost = printed("funnel", "--journey", "login", "--drop-offs");
  const found = await page.$$eval("a[href*='list=']", (links) => links.map((link) => [link.innerText, link.getAttribute("href")]));
  const steps = printed("funnel", "--journey", "login");
  assert.deepEqual(
    found.map(([number]) => number),
    [...steps.flatMap((row) => [row.reached, row.drop_off].filter(Boolean)), ...lost.map((row) => row.drop_off)].map((number) => number.toLocaleString("en")),
  );
  const stride = Math.ceil(found.length / LINKS_MAX);
  for (const [number, href] of found.filter((_, index) => index % stride === 1)) {
    await page.locator(`a[href="${href}"]`).click();
    await page.waitForURL(/list=/);
    await settled(page);
    assert.match(await page.locator(".total").innerText(), new RegExp(`^${number} runs`), href);
    await page.getByText("close the list").click();
    await settled(page);
  }
  await close();
});

test("a number leads to a list of that length", async () => {
  const { page, close } = await opened("/journeys");
  const abandoned = printed("overview", "--journey", "login")[0].abandoned;
  const row = page.locator("tbody tr", { has: page.locator("a", { hasText: /^login$/ }) });
  await row.locator("a", { hasText: new RegExp(`^${abandoned}$`) }).first().click();
  await page.waitForURL(/\/invocations/);
  await settled(page);
  assert.match(await page.locator(".total").innerText(), new RegExp(`^${abandoned} runs`));
  await close();
});

/** How many rows the list has that a link on the page leads to. */
async function lengthOf(page, search) {
  const query = new URLSearchParams(search);
  const spec = { limit: 1 };
  for (const name of ["journey", "version", "where"]) spec[name] = query.getAll(name);
  for (const name of ["from", "to", "tz", "behind"]) spec[name] = query.get(name);
  const answer = await page.request.post(`${BASE}/api/v1/reports/invocations`, { data: spec });
  assert.equal(answer.status(), 200, decodeURIComponent(search));
  return (await answer.json()).rows_total.toLocaleString("en");
}

/** Of each column of each table, and of each part of a rate, the first number that leads to a list of runs. */
function linkedNumbers(page) {
  return page.$$eval("td a[href^='/invocations?'], .tiles a", (links) => {
    const first = new Map();
    for (const link of links) {
      const cell = link.closest("td");
      if (!/^[\d,]+$/.test(link.innerText)) continue;
      const caption = cell?.closest("table").caption.textContent ?? "tiles";
      const key = `${caption}, ${cell?.cellIndex ?? link.parentElement.className}, ${[...link.parentElement.children].indexOf(link)}`;
      // a merged node is a kind of its own
      const kind = /kept/.test(link.search) ? "merged" : "plain";
      if (!first.has(key + kind)) first.set(key + kind, [key, link.innerText, link.search]);
    }
    return [...first.values()];
  });
}

const LISTED = {
  "/journeys?interval=hour&from=2026-03-30T12:30&tz=Asia/Tokyo": 14,
  "/journey?journey=login": 6,
  "/journey?journey=login&view=failures": 9,
  "/journey?journey=login&view=paths&steps=5": 2,
  "/journey?journey=login&view=durations": 6,
  "/journey?journey=login&view=compare": 8,
};
for (const [path, kinds] of Object.entries(LISTED)) {
  test(`${path}: every kind of number has a list of its length`, async () => {
    const { page, close } = await opened(path);
    await openTables(page);
    const found = await linkedNumbers(page);
    assert.ok(found.length >= kinds, `${found.length} kinds: ${found.map(([key]) => key).join("; ")}`);
    for (const [key, number, search] of found) assert.equal(await lengthOf(page, search), number, `${key}: ${decodeURIComponent(search)}`);
    await close();
  });
}

test("flows through merged steps lead to lists of their length", async () => {
  const { page, close } = await opened("/journey?journey=login&view=paths&steps=5");
  await openTables(page);
  const found = (await linkedNumbers(page)).filter(([, , search]) => /kept/.test(search));
  assert.ok(found.length > 0, "no step is merged");
  for (const [key, number, search] of found) assert.equal(await lengthOf(page, search), number, key);
  await close();
});

test("counts of events and of whose they are lead to lists of their length", async () => {
  for (const [path, log] of [["/activity/user?by=activity", "user"], ["/activity/admin?by=actor_id", "admin"], ["/activity/risk", "risk"]]) {
    const { page, close } = await opened(path);
    await openTables(page);
    const links = await page.$$eval("td.is-count a[href^='/activity']", (links) => links.map((link) => [link.innerText, link.search, link.closest("td").cellIndex]));
    // of each column the smallest
    const first = [...new Map(links.sort(([left], [right]) => right.length - left.length).map((link) => [link[2], link])).values()];
    assert.ok(first.length >= 1, path);
    for (const [number, search] of first) {
      const query = new URLSearchParams(search);
      const spec = { log, where: query.getAll("where"), event_type: query.getAll("event_type"), limit: 100_000 };
      for (const name of ["from", "to"]) spec[name] = query.get(name);
      if (query.has("by")) spec.by = [query.get("by")];
      const answer = await page.request.post(`${BASE}/api/v1/reports/activity`, { data: spec });
      assert.equal((await answer.json()).rows.length.toLocaleString("en"), number, `${path}: ${decodeURIComponent(search)}`);
    }
    await close();
  }
});

test("numbers of the verification funnel open a list of that length, which has pages", async () => {
  const { page, close } = await opened("/activity/verify");
  await openTables(page);
  const number = (await cells(page, "Funnel of verification sessions"))[0][2];
  await page.locator("a[href*='list=1']").first().click();
  await page.waitForURL(/list=1/);
  await settled(page);
  assert.match(await page.locator(".total").first().innerText(), new RegExp(`^${number} sessions`));
  const first = await cells(page, "Behind the number");
  await page.getByText("Next page").first().click();
  await page.waitForURL(/page=/);
  await settled(page);
  const second = await cells(page, "Behind the number");
  assert.ok(second.length > 0 && second.every(([id]) => !first.some(([other]) => other === id)));
  await close();
});

test("an outcome of verification sessions opens a list of them, which leads to their events", async () => {
  const { page, close } = await opened("/activity/verify");
  const row = printed("sessions")[0];
  await page.locator("a[href*='ended=']").first().click();
  await page.waitForURL(/ended=/);
  await settled(page);
  assert.match(await page.locator(".total").first().innerText(), new RegExp(`^${row.sessions.toLocaleString("en")} sessions`));
  await page.locator("table", { has: page.getByText("Behind the number") }).locator("tbody a").first().click();
  await page.waitForURL(/session_id/);
  await close();
});

test("a cell of the heat map opens its runs", async () => {
  const { page, close } = await opened("/journey?journey=login&view=durations");
  const box = await page.getByRole("img", { name: /^started by weekday/ }).boundingBox();
  await page.mouse.click(box.x + box.width / 2, box.y + 100);
  await page.waitForURL(/\/invocations\?.*where=hour_of_day/);
  await settled(page);
  const where = new URL(page.url()).searchParams.getAll("where").flatMap((text) => ["--where", text]);
  const runs = printed("invocations", "--journey", "login", "--limit", "1000", ...where);
  assert.equal(await page.locator(".total").innerText(), `${runs.length} runs`);
  await close();
});

test("the list of runs goes on page by page without a gap", async () => {
  const { page, close } = await opened("/invocations?journey=signup");
  const shown = [];
  for (;;) {
    shown.push(...(await page.$$eval("tbody a", (links) => links.map((link) => new URL(link.href).searchParams.get("run")))));
    const next = page.getByText("Next page");
    if (!(await next.count())) break;
    const address = page.url();
    await next.click();
    await page.waitForURL((url) => url.href !== address);
    await settled(page);
  }
  assert.deepEqual(shown, printed("invocations", "--journey", "signup", "--limit", "1000").map((row) => row.invocation_id));
  await close();
});

test("the trend goes by the interval that was chosen", async () => {
  const { page, close } = await opened("/journeys");
  await page.getByRole("group", { name: "Interval" }).getByRole("button", { name: "week" }).click();
  await page.waitForURL(/interval=week/);
  await settled(page);
  await openTables(page);
  const shown = await cells(page, "Runs by week");
  const rows = printed("overview", "--by", "week");
  assert.deepEqual(shown.map((row) => [row[0], row[1]]), rows.map((row) => [row.week, row.started.toLocaleString("en")]));
  await close();
});

test("a question that takes long can be cancelled and asked again", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const reports = "**/api/v1/reports/quality";
  await page.route(reports, () => {});
  await page.goto(`${BASE}/quality`);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled.").waitFor();
  await page.unroute(reports);
  await page.getByRole("button", { name: "Ask again" }).click();
  await page.getByRole("table").waitFor();
  await context.close();
});

test("what is wrong with a question stands where its answer would", async () => {
  const { page, close } = await opened("/quality?where=platfrm%3Dios");
  assert.match(await page.getByRole("alert").innerText(), /platfrm[^]*did you mean platform/);
  await close();
});

test("sides of a comparison may have values with commas in them", async () => {
  const { page, close } = await opened("/journey?journey=login&view=compare");
  const side = page.getByLabel("Baseline (a)");
  await side.fill("platform in (ios, android), user_agent != \"a, b\", country != 'x,y'");
  await side.press("Enter");
  await page.waitForURL(/[?&]a=/);
  await settled(page);
  const sides = new URL(page.url()).searchParams.getAll("a");
  assert.deepEqual(sides, ["platform in (ios, android)", "user_agent != \"a, b\"", "country != 'x,y'"]);
  assert.equal(await side.inputValue(), sides.join(", "));
  await close();
});

test("filters survive a reload and the way back", async () => {
  const { page, close } = await opened("/journeys");
  await page.getByLabel("Platform").selectOption("ios");
  await settled(page);
  const address = page.url();
  assert.match(address, /where=platform%3Dios/);
  const started = async () => (await cells(page, "Journeys and how their runs ended")).map((row) => row[2]);
  await page.waitForFunction((wanted) => document.querySelector("tbody tr td:nth-child(3)")?.textContent === wanted,
    printed("overview", "--where", "platform=ios")[0].started.toLocaleString("en"), { timeout: WAIT_MS });
  const narrowed = await started();
  await page.reload();
  await settled(page);
  assert.equal(page.url(), address);
  assert.deepEqual(await started(), narrowed);
  await page.goBack();
  await settled(page);
  assert.equal(await page.getByLabel("Platform").inputValue(), "");
  await close();
});

test("a download holds what the command line writes", async () => {
  const { page, close } = await opened("/journey?journey=login");
  const waiting = page.waitForEvent("download");
  await page.getByRole("group", { name: "Download Steps" }).getByRole("button", { name: "CSV" }).click();
  const file = await (await waiting).path();
  const wanted = execFileSync(process.env.WAYFARE_BIN, ["steps", "--journey", "login", "--store", process.env.WAYFARE_STORE, "--format", "csv"]);
  assert.equal(readFileSync(file, "utf8"), wanted.toString());
  await close();
});

test("a download of a list holds all of it, not the page", async () => {
  const { page, close } = await opened("/invocations");
  const waiting = page.waitForEvent("download");
  await page.getByRole("group", { name: "Download Runs" }).getByRole("button", { name: "CSV" }).click();
  const lines = readFileSync(await (await waiting).path(), "utf8").trimEnd().split("\n");
  assert.equal(lines.length - 1, printed("overview", "--by", "all")[0].started);
  await close();
});

test("a run opens its events, and an event its parameters", async () => {
  const { page, close } = await opened("/invocations");
  await page.locator("tbody a").first().click();
  await page.waitForSelector(".events");
  await settled(page);
  const id = new URL(page.url()).searchParams.get("run");
  const rows = printed("invocation", id);
  assert.equal(await page.locator(".event").count(), rows.length);
  await page.locator(".event button").first().click();
  assert.match(await page.locator(".raw").first().innerText(), /additional_params/);
  await close();
});

test("the log goes on page by page without a gap", async () => {
  const { page, close } = await opened("/activity/admin");
  const first = await cells(page, "Events");
  await page.getByText("Older events").click();
  await page.waitForURL(/after=/);
  await settled(page);
  const second = await cells(page, "Events");
  const rows = printed("activity", "admin", "--limit", "100");
  const instants = rows.map((row) => row.happened_at.replace("T", " ").replace("Z", ""));
  assert.deepEqual([...first, ...second].map((row) => row[1]), instants);
  await close();
});

test("the keyboard reaches the first number and opens what is behind it", async () => {
  const { page, close } = await opened("/journeys");
  for (let presses = 0; presses < 80; presses++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement?.closest(".tiles-more") !== null && document.activeElement?.tagName === "A")) break;
  }
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/invocations/);
  await close();
});

test("an issue of events and one of lines open lists of them", async () => {
  const lines = ['{"activity": nonsense', JSON.stringify({ activity: "coffee_made", timestamp: "2026-03-30T23:59:56Z" })].join("\n");
  const sent = await fetch(`${BASE}/api/v1/events`, { method: "POST", headers: { "content-type": "application/x-ndjson" }, body: lines });
  assert.equal(sent.status, 200, await sent.text());
  for (const [issue, noun, text] of [["unknown activity", "events", /coffee_made/], ["rejected line: bad_json", "lines", /saw nonsense/]]) {
    const { page, close } = await opened("/quality");
    const row = printed("quality").find((row) => row.issue === issue);
    await page.locator("tbody tr", { hasText: new RegExp(issue, "i") }).locator("td.is-count a").first().click();
    await page.waitForURL(/issue=/);
    await settled(page);
    assert.match(await page.locator(".total").innerText(), new RegExp(`^${row.count} ${noun}`));
    assert.match(await page.locator("table").last().innerText(), text);
    await close();
  }
});

test("an issue of runs opens a list of them", async () => {
  // a run that ends twice, as the sample has nothing wrong in it
  const event = (activity, second) => JSON.stringify({
    activity, source: "cis", tenant_id: "tn_northwind", invocation_id: "ends-twice",
    timestamp: `2026-03-20T10:00:0${second}Z`, additional_params: { journey_id: "login" },
  });
  const events = ["journey_started", "journey_completed_successfully", "journey_completed_unsuccessfully"].map(event).join("\n");
  const sent = await fetch(`${BASE}/api/v1/events`, { method: "POST", headers: { "content-type": "application/x-ndjson" }, body: events });
  assert.equal(sent.status, 200, await sent.text());
  const { page, close } = await opened("/quality");
  const found = await linkedNumbers(page);
  assert.equal(found.length, 1);
  for (const [key, number, search] of found) assert.equal(await lengthOf(page, search), number, key);
  await page.locator("td.is-count a").first().click();
  await page.waitForURL(/behind=issue/);
  await settled(page);
  assert.match(await page.locator("tbody").innerText(), /ends-twi/);
  await close();
});
