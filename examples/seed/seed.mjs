// The seed document's story, told by the real Convex client against a running Rufaa.
//
// The calls stand as in the document: functions named by string, the same arguments; only ids, the address and the
// identity are filled in. Every promise of the document is checked; the first that is not kept ends the story with
// exit status 1.
//
//   npm start    the prompt rings on the virtual handset, and you type the PIN
//   npm test     the phones answer by themselves
//
// RUFAA_URL      the server. Default: http://127.0.0.1:8000
// RUFAA_TOKEN    an administrator's token (`make demo` prints them). Default: none, and the demo's people by name
// RUFAA_HANDSET  the virtual handset. Default: the server's port + 1, as in the demo
// RUFAA_PHONE    the phone that rings in `npm start`. Default: 254708374149

import { ConvexHttpClient } from "convex/browser";
import { ConvexError } from "convex/values";

const url = (process.env.RUFAA_URL ?? "http://127.0.0.1:8000").replace(/\/+$/, "");
const token = process.env.RUFAA_TOKEN;
const handset = process.env.RUFAA_HANDSET ?? nextPort(url);
const byItself = process.argv.includes("--by-itself");

const PAYS = "254708000000"; // these two answer by themselves, see the handset's page
const CANCELS = "254708001032";
const patientPhone = byItself ? PAYS : (process.env.RUFAA_PHONE ?? "254708374149");

const convex = new ConvexHttpClient(url);
if (token) convex.setAuth(token);
const doctor = token ? {} : { demoUserId: "physician" };
const admin = token ? {} : { demoUserId: "admin" };

async function main() {
  console.log(`The seed's story, against ${url}`);
  await theDocumentsSteps();
  await thePaymentButton();
  console.log("\nEvery promise was kept.");
}

// --- one: the document's steps 1, 2 and 3 -------------------------------------------------------------------------

async function theDocumentsSteps() {
  tell("A doctor refers Jane Wafula, and the administrator approves.");
  const referralId = await refer("Jane Wafula", "Urgent");
  await convex.mutation("referrals:updateReferralStatus", { referralId, status: "awaiting-biodata", ...admin });
  await promise(referralId, { status: "awaiting-biodata", payment: "due" }, "approved: the fee of KES 1,000 is due");

  tell(`Step 1: pending-payment, with the phone ${patientPhone}.`);
  await convex.mutation("referrals:updateReferralStatus", {
    referralId,
    status: "pending-payment",
    stkPhoneNumber: patientPhone,
    ...admin,
  });
  kept("the referral waits for its payment, and the prompt is on its way");

  tell("Step 2: trigger the STK push. One is under way already, so it is joined: no phone rings twice for one fee.");
  const result = await convex.mutation("referralPayments:triggerReferralPayment", {
    referralId,
    phoneNumber: patientPhone,
    amount: 1000,
    ...admin,
  });
  check(result.success === true, "the push is accepted", result);
  console.log(`    ${result.message}`);

  if (!byItself) ring();
  await paid(referralId);
  const referral = await convex.query("referrals:getReferral", { referralId, ...admin });
  check(/^[A-Z0-9]{10}$/.test(referral.payment.receipt), `M-Pesa receipt ${referral.payment.receipt}`, referral.payment);
  const payments = await convex.query("payments:getByReferral", { referralId, ...admin });
  check(payments[0].status === "completed", "payments:getByReferral says completed", payments);
  check(
    payments[0].mpesaTransactionId === referral.payment.receipt && payments[0].amount === 1000,
    "with the same receipt and KES 1,000",
    payments,
  );
  check(payments.filter((each) => each.status === "completed").length === 1, "and the money was taken once", payments);

  tell("Step 3: say that it is paid, and confirm the appointment.");
  await convex.mutation("referrals:updateReferralStatus", { referralId, status: "paid", ...admin });
  kept("paid is granted, because the money is there");
  await convex.mutation("referrals:updateReferralStatus", { referralId, status: "confirmed", ...admin });
  await promise(referralId, { status: "confirmed", payment: "paid" }, "confirmed");
}

// --- two: the payment button, a cancelled prompt, and a retry -----------------------------------------------------

async function thePaymentButton() {
  tell("A second patient, John Doe. His particulars are saved; his phone is the payer's.");
  const referralId = await refer("John Doe", "Routine");
  await convex.mutation("referrals:updateReferralStatus", { referralId, status: "awaiting-biodata", ...admin });
  await convex.mutation("referrals:saveBiodata", {
    referralId,
    patientPhone: CANCELS,
    stkPhoneNumber: CANCELS,
    patientEmail: "john@example.org",
    patientDateOfBirth: "1990-02-28",
    bookedDate: "2031-03-04",
    bookedTime: "09:30",
    ...admin,
  });
  await promise(referralId, { status: "pending-payment", payment: "due" }, "particulars complete: pending-payment");

  tell("The payment button: status first, then the push, as a page does it.");
  await handlePayment(referralId, CANCELS, "John Doe");
  const pushed = await convex.action("mpesa:initiateSTKPush", { phoneNumber: CANCELS, amount: 1000, referralId, ...admin });
  check(pushed.success === true, "and the same as an action", pushed);

  const failed = await settled(referralId);
  check(failed.status === "failed", `John cancels: “${failed.errorMessage}”`, failed);
  await refused("not-paid", "to call it paid without the money is refused", () =>
    convex.mutation("referrals:updateReferralStatus", { referralId, status: "paid", ...admin }),
  );

  tell("His sister pays. Her phone is stored, and the push is retried.");
  await convex.mutation("referrals:updatePhoneNumbers", {
    referralId,
    patientPhone: CANCELS,
    stkPhoneNumber: PAYS,
    ...admin,
  });
  const retried = await convex.mutation("referralPayments:retrySTKPush", { referralId, ...admin });
  check(retried.success === true && retried.phoneNumber === PAYS, `retried on ${PAYS}`, retried);
  await paid(referralId);
  await refused("already-paid", "a further retry is refused", () =>
    convex.mutation("referralPayments:retrySTKPush", { referralId, ...admin }),
  );
  const payments = await convex.query("payments:getByReferral", { referralId, ...admin });
  console.log(`    attempts, newest first: ${payments.map((each) => each.status).join(", ")}`);
  await convex.mutation("referrals:updateReferralStatus", { referralId, status: "confirmed", ...admin });
  await promise(referralId, { status: "confirmed", payment: "paid" }, "confirmed");
}

// The document's component. Its alert() is our console.
async function handlePayment(referralId, phoneNumber, patientName) {
  // Update status first
  await convex.mutation("referrals:updateReferralStatus", {
    referralId,
    status: "pending-payment",
    stkPhoneNumber: phoneNumber,
    ...admin,
  });

  // Trigger STK push
  const result = await convex.mutation("mpesa:initiateSTKPush", {
    phoneNumber,
    amount: 1000,
    referralId,
    patientName,
    ...admin,
  });

  check(result.success === true, "STK push sent! Please check your phone.", result);
}

// --- what the two share -------------------------------------------------------------------------------------------

async function refer(patientName, priority) {
  const referralId = await convex.mutation("referrals:createReferral", {
    patientName,
    medicalHistory: "No known allergies.",
    labResults: ["Hb 11.2 g/dl"],
    diagnosis: "Closed fracture of the left radius",
    referringHospital: "Uhuru Health Centre",
    receivingFacility: "Tumaini Referral Hospital",
    priority,
    ...doctor,
  });
  await promise(referralId, { status: "pending-admin", payment: undefined }, `created: ${referralId}`);
  return referralId;
}

function ring() {
  console.log(`\n  ☎  ${patientPhone} rings now. Open ${handset}/phone/${patientPhone} and type the PIN 1234.\n`);
}

// Wait for the money. A person may cancel, or let the prompt run out: then it is retried, as the document says.
async function paid(referralId) {
  for (let tries = 0; ; tries += 1) {
    const payment = await settled(referralId);
    if (payment.status === "completed") break;
    if (byItself || tries === 3) throw new Broken("the prompt is paid", payment);
    console.log(`    Not paid: ${payment.errorMessage ?? payment.message} The push is retried.`);
    const again = await convex.mutation("referralPayments:retrySTKPush", { referralId, ...admin });
    if (!again.success) throw new Broken("the retry is accepted", again);
    ring();
  }
  const status = (await convex.query("referrals:getReferral", { referralId, ...admin })).status;
  check(status === "paid", "the referral is paid, by itself", { status });
}

// The newest attempt, once it is no longer under way.
async function settled(referralId) {
  const deadline = Date.now() + (byItself ? 60_000 : 200_000);
  for (;;) {
    const [payment] = await convex.query("payments:getByReferral", { referralId, ...admin });
    if (payment.status === "completed" || payment.status === "failed") return payment;
    if (Date.now() > deadline) throw new Broken("the prompt comes to an end", payment);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function promise(referralId, expected, words) {
  const referral = await convex.query("referrals:getReferral", { referralId, ...admin });
  const seen = { status: referral?.status, payment: referral?.payment?.status };
  check(seen.status === expected.status && seen.payment === expected.payment, words, seen);
}

async function refused(code, words, call) {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof ConvexError) || error.data.code !== code) throw error;
    kept(`${words}: “${error.data.message}”`);
    return;
  }
  throw new Broken(words, "it was granted");
}

class Broken extends Error {
  constructor(words, seen) {
    super(`Not kept: ${words}. Seen: ${JSON.stringify(seen)}`);
  }
}

function check(condition, words, seen) {
  if (!condition) throw new Broken(words, seen);
  kept(words);
}

function kept(words) {
  console.log(`  ✓ ${words}`);
}

function tell(words) {
  console.log(`\n${words}`);
}

function nextPort(address) {
  const next = new URL(address);
  next.port = String(Number(next.port || 80) + 1);
  return next.origin;
}

main().catch((error) => {
  const unreachable = error?.cause?.code === "ECONNREFUSED";
  console.error(`  ✗ ${unreachable ? `Nothing listens at ${url}. Is \`make demo\` running?` : describe(error)}`);
  process.exitCode = 1;
});

function describe(error) {
  return error instanceof ConvexError ? `${error.data?.code}: ${error.data?.message ?? error.message}` : error.message;
}
