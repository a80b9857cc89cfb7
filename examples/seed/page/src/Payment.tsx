import { useMutation, useQuery } from "convex/react";
import { ConvexError } from "convex/values";
import { useState } from "react";

import { api, type PromptStatus, type Referral } from "./api.js";
import { who } from "./settings";

/** The document's payment button. What becomes of the prompt is shown as it happens: nothing is asked for twice. */
export function Payment({ referralId }: { referralId: string }) {
  const referral = useQuery(api.referrals.getReferral, { referralId, ...who });
  const prompt = useQuery(api.mpesa.getPromptStatus, { referralId, ...who });
  if (referral === undefined || prompt === undefined) return <p className="hint">Loading…</p>;
  if (referral === null) return <p className="hint">There is no such referral, or you may not see it.</p>;
  return (
    <article>
      <h2>{referral.patientName}</h2>
      <p>
        {referral.payment ? `KES ${referral.payment.amount.toLocaleString("en-KE")}` : "No fee yet"} ·{" "}
        <span className={`status ${referral.status}`}>{referral.status}</span>
      </p>
      <Progress referral={referral} prompt={prompt} />
      {referral.payment?.status === "due" && <PaymentButton referral={referral} prompt={prompt} />}
    </article>
  );
}

function Progress({ referral, prompt }: { referral: Referral; prompt: PromptStatus | null }) {
  if (referral.payment?.status === "paid") {
    return (
      <p role="status" className="paid">
        Paid{referral.payment.receipt ? `: receipt ${referral.payment.receipt}` : ""}.
      </p>
    );
  }
  return (
    <div role="status" className={prompt?.live ? "ringing" : ""}>
      {prompt && <p>{prompt.message}</p>}
      {prompt?.paybill && (
        <p className="hint">
          By hand: paybill {prompt.paybill.shortCode}, account {prompt.paybill.accountCode}.
        </p>
      )}
    </div>
  );
}

function PaymentButton({ referral, prompt }: { referral: Referral; prompt: PromptStatus | null }) {
  const moveOn = useMutation(api.referrals.updateReferralStatus);
  const push = useMutation(api.mpesa.initiateSTKPush);
  const [phoneNumber, setPhoneNumber] = useState(referral.stkPhoneNumber ?? "");
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);

  const handlePayment = async () => {
    setBusy(true);
    setRefusal(null);
    try {
      if (referral.status !== "pending-payment") {
        await moveOn({ referralId: referral._id, status: "pending-payment", stkPhoneNumber: phoneNumber, ...who });
      }
      const result = await push({
        phoneNumber,
        referralId: referral._id,
        patientName: referral.patientName,
        ...(reason && { reason }),
        ...who,
      });
      if (!result.success) setRefusal(result.message);
    } catch (error) {
      setRefusal(inWords(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void handlePayment();
      }}
    >
      <label>
        Phone that pays
        <input
          type="tel"
          required
          value={phoneNumber}
          placeholder="0708 374 149"
          onChange={(event) => setPhoneNumber(event.target.value)}
        />
      </label>
      {prompt?.reasonNeeded && (
        <label>
          Why again
          <input required value={reason} onChange={(event) => setReason(event.target.value)} />
        </label>
      )}
      <button type="submit" disabled={busy || prompt?.live}>
        {prompt?.live ? "The phone is being asked" : prompt?.status === "not-paid" ? "Ask again" : "Ask for the fee"}
      </button>
      {refusal && <p role="alert">{refusal}</p>}
    </form>
  );
}

/** A refusal says in its data what is allowed; anything else is trouble. */
function inWords(error: unknown): string {
  if (error instanceof ConvexError) {
    const data = error.data as { message?: string };
    if (data?.message) return data.message;
  }
  return "The server could not be reached, or failed. Look whether the phone rings before you try again.";
}
