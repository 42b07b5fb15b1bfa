// Writes the source of the documentation site: the pages of docs/, README.md, the engine's manual and the checker's cases,
// and their table of contents. `node docs/playground/pages.mjs FOLDER CASES`, where CASES is what
// `artos-conformance list --format json` prints; `docs/build` calls it.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";

const [folder, casesFile] = process.argv.slice(2);
const root = new URL("../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");

// The order of the table of contents; every page of docs/ must be in it.
const CONTENTS = {
    // For operators: from the installation to being on call.
    "Run it": [
        "install", "behind-a-proxy", "run-the-server", "systemd", "keys-from-an-identity-provider", "revoke", "upgrade", "runbook",
    ],
    "Embed it": ["embed-rust", "embed-python", "embed-javascript", "performance-embedded"],
    "Call it, check it": [
        "call-the-api", "check-a-deployment", "matrix", "matrix-faults", "how-long-a-revocation-takes", "frameworks",
    ],
    "The contract": ["clauses", "defaults", "vulnerabilities", "conformance", "cases", "conformance-faults"],
    "How it is made": [
        "architecture", "for-security-engineers", "known-vulnerabilities", "supply-chain", "fuzzing", "mutation-testing",
        "performance", "performance-amd", "performance-intel", "proxies", "proxies-performance", "how-fast",
    ],
};
const MANUAL = {
    clauses: ["Clauses", "engine/src/manual/clauses.md"],
    defaults: ["Defaults", "engine/src/manual/defaults.md"],
    vulnerabilities: ["Known vulnerabilities of JWT libraries", "engine/src/manual/vulnerabilities.md"],
    "embed-rust": ["Embed it in Rust", "tower/README.md"],
    "embed-javascript": ["Embed it in JavaScript", "wasm/package/README.md"],
};

const pages = readdirSync(new URL("docs", root)).filter((name) => name.endsWith(".md")).map((name) => name.slice(0, -3));
const listed = Object.values(CONTENTS).flat();
const unlisted = pages.filter((page) => !listed.includes(page));
// Pages that the table of contents does not list are still reachable, under "More".
if (unlisted.length > 0) CONTENTS["More"] = unlisted;

/** Replaces links to files outside docs/, which the site does not have, by their text. */
function links(text) {
    return text
        .replace(/\[([^\]]*)\]\((?:\.\.\/)?docs\/([a-z-]+\.md)(#[^)]*)?\)/g, "[$1]($2$3)")
        .replace(/\[([^\]]*)\]\((?!https?:|#|[a-z-]+\.md)[^)]*\)/g, "$1")
        .replace(/\[([^\]]*)\]\(crate::[^)]*\)/g, "$1")
        .replaceAll("$3", "");
}

const clauseAnchors = (text) =>
    text.replace(/^\| ([A-Z]+-\d) \|/gm, (_, clause) => `| <a id="${clause.toLowerCase()}"></a>${clause} |`);

const cases = JSON.parse(readFileSync(casesFile, "utf8"));
/** Text in a table cell: characters with a meaning in Markdown or HTML are escaped, except in code. */
const cell = (text) =>
    text
        .split(/(`[^`]*`)/)
        .map((part, index) => (index % 2 === 1 ? part : part.replace(/[<>&*_[\]\\]/g, (one) => `&#${one.codePointAt(0)};`)))
        .join("")
        .replaceAll("|", "\\|");
const clauseLink = (clause) => `[${clause}](clauses.md#${clause.toLowerCase()})`;
const caseAnchor = (id) => id.replaceAll("/", "-");

/** Every case of the checker, by group. */
function casesPage() {
    const groups = new Map();
    for (const one of cases) {
        const group = one.id.split("/")[0];
        groups.set(group, [...(groups.get(group) ?? []), one]);
    }
    const parts = [...groups].map(([group, members]) => {
        const rows = members.map(
            ({ id, title, clauses, level, sends, requirement }) =>
                `| <a id="${caseAnchor(id)}"></a>\`${id}\` | **${cell(title)}.** ${cell(sends)} ${cell(requirement)} ` +
                `| ${clauses.map(clauseLink).join(" ")} | ${level} |`,
        );
        return `## ${group}\n\n| case | what it does | clauses | level |\n|---|---|---|---|\n${rows.join("\n")}\n`;
    });
    return (
        `# Cases of the checker\n\nThe ${cases.length} cases of \`artos-conformance\`, as \`artos-conformance list\` has them. ` +
        "[What the checker checks](conformance.md) says how they are made.\n\n" + parts.join("\n")
    );
}

/** The cases of the checker for each clause. */
function casesByClause() {
    const clauses = [...new Set(cases.flatMap((one) => one.clauses))].sort();
    const rows = clauses.map((clause) => {
        const own = cases.filter((one) => one.clauses.includes(clause));
        return `| ${clauseLink(clause)} | ${own.map(({ id }) => `[\`${id}\`](cases.md#${caseAnchor(id)})`).join(" ")} |`;
    });
    return `\n## Cases of the checker, by clause\n\n| clause | cases |\n|---|---|\n${rows.join("\n")}\n`;
}

mkdirSync(`${folder}/src`, { recursive: true });
const titles = {};
for (const page of pages) {
    const text = read(`docs/${page}.md`);
    titles[page] = text.match(/^# (.*)$/m)?.[1] ?? page;
    writeFileSync(`${folder}/src/${page}.md`, links(text));
}
for (const [page, [title, path]] of Object.entries(MANUAL)) {
    titles[page] = title;
    const more = page === "clauses" ? casesByClause() : "";
    const text = read(path).replace(/^# .*\n+/, "");
    writeFileSync(`${folder}/src/${page}.md`, `# ${title}\n\n${links(clauseAnchors(text))}${more}`);
}
titles.cases = "Cases of the checker";
writeFileSync(`${folder}/src/cases.md`, casesPage());
writeFileSync(`${folder}/src/index.md`, links(read("README.md")));
writeFileSync(
    `${folder}/src/playground-page.md`,
    "# Playground\n\n[Open the playground](playground/index.html): a token, a policy, a JWK Set, and every check of the decision. " +
        "The engine runs in the page, and nothing leaves it.\n",
);
const chapters = Object.entries(CONTENTS).map(
    ([part, names]) => `# ${part}\n\n${names.map((name) => `- [${titles[name]}](${name}.md)`).join("\n")}\n`,
);
writeFileSync(
    `${folder}/src/SUMMARY.md`,
    `# Summary\n\n[Introduction](index.md)\n[Playground](playground-page.md)\n\n${chapters.join("\n")}`,
);
writeFileSync(
    `${folder}/book.toml`,
    '[book]\ntitle = "Artos Auth"\nlanguage = "en"\n\n[output.html]\ndefault-theme = "light"\npreferred-dark-theme = "navy"\nno-section-label = true\n',
);
