// Writes the source of the documentation site: the pages of docs/, README.md and the engine's manual, and their table of
// contents. `node docs/playground/pages.mjs FOLDER`; `docs/build` calls it.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";

const [folder] = process.argv.slice(2);
const root = new URL("../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");

// The order of the contents; every page of docs/ has to be in it.
const CONTENTS = {
    "Use it": [
        "run-the-server", "revoke", "behind-a-proxy", "keys-from-an-identity-provider", "call-the-api", "check-a-deployment", "frameworks",
    ],
    "The contract": ["clauses", "defaults", "vulnerabilities", "conformance", "conformance-faults"],
    "How it is made": [
        "for-security-engineers", "known-vulnerabilities", "supply-chain", "fuzzing", "mutation-testing", "performance", "proxies-performance",
        "how-fast",
    ],
};
const MANUAL = {
    clauses: ["Clauses", "engine/src/manual/clauses.md"],
    defaults: ["Defaults", "engine/src/manual/defaults.md"],
    vulnerabilities: ["Known vulnerabilities of JWT libraries", "engine/src/manual/vulnerabilities.md"],
};

const pages = readdirSync(new URL("docs", root)).filter((name) => name.endsWith(".md")).map((name) => name.slice(0, -3));
const listed = Object.values(CONTENTS).flat();
const unlisted = pages.filter((page) => !listed.includes(page));
// A page that nobody placed still has to be found.
if (unlisted.length > 0) CONTENTS["More"] = unlisted;

/** Links out of docs/ lead to files of the repository, which the site does not have: their text stays. */
function links(text) {
    return text
        .replace(/\[([^\]]*)\]\((?:\.\.\/)?docs\/([a-z-]+\.md)(#[^)]*)?\)/g, "[$1]($2$3)")
        .replace(/\[([^\]]*)\]\((?!https?:|#|[a-z-]+\.md)[^)]*\)/g, "$1")
        .replace(/\[([^\]]*)\]\(crate::[^)]*\)/g, "$1")
        .replaceAll("$3", "");
}

const clauseAnchors = (text) =>
    text.replace(/^\| ([A-Z]+-\d) \|/gm, (_, clause) => `| <a id="${clause.toLowerCase()}"></a>${clause} |`);

mkdirSync(`${folder}/src`, { recursive: true });
const titles = {};
for (const page of pages) {
    const text = read(`docs/${page}.md`);
    titles[page] = text.match(/^# (.*)$/m)?.[1] ?? page;
    writeFileSync(`${folder}/src/${page}.md`, links(text));
}
for (const [page, [title, path]] of Object.entries(MANUAL)) {
    titles[page] = title;
    writeFileSync(`${folder}/src/${page}.md`, `# ${title}\n\n${links(clauseAnchors(read(path)))}`);
}
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
