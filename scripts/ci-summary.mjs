// Prints the totals of a CI run: node scripts/ci-summary.mjs <vitest's JSON report> [steps that failed…]
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const [report, ...failedSteps] = process.argv.slice(2);

function readReport() {
  try {
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    return undefined;
  }
}

const results = readReport();
// A file that cannot even be loaded has no test that failed, and is a failure all the same.
const brokenFiles = (results?.testResults ?? []).filter(
  ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
);
const failedTests = (results?.numFailedTests ?? 0) + brokenFiles.length;
// The step `test` fails because of tests that are counted already; only without any does it count for itself.
const otherSteps = failedSteps.filter((step) => step !== 'test' || failedTests === 0);
const notRun = (results?.numPendingTests ?? 0) + (results?.numTodoTests ?? 0);
const failed = failedTests + otherSteps.length;

// Whoever reads only the end of a long log still learns what failed and how.
const LINES_TOLD = 15;
function tellFailure(file, title, message = '') {
  console.log(`failed: ${relative(process.cwd(), file)} > ${title}`);
  const told = stripVTControlCharacters(message).split('\n').slice(0, LINES_TOLD);
  for (const line of told) console.log(`    ${line}`);
}

for (const { name, assertionResults } of results?.testResults ?? []) {
  for (const { status, fullName, failureMessages } of assertionResults) {
    if (status === 'failed') tellFailure(name, fullName, failureMessages.join('\n'));
  }
}
for (const { name, message } of brokenFiles) tellFailure(name, 'could not be run', message);
for (const step of otherSteps) console.log(`failed step: ${step}`);
if (results === undefined) console.log('the tests left no report');
if (notRun > 0) console.log(`${notRun} skipped: see above for why`);
console.log(`${results?.numPassedTests ?? 0} passed, ${failed} failed`);
process.exitCode = failed === 0 && results !== undefined ? 0 : 1;
