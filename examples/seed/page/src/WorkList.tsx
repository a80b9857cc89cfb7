import { useQuery } from "convex/react";
import { useState } from "react";

import { api, type Referral } from "./api.js";
import { Payment } from "./Payment";
import { who } from "./settings";

/** Who is waiting to be approved, and who to pay. A referral that moves on leaves its list by itself. */
export function WorkList() {
  const fresh = useQuery(api.referrals.getReferralsByStatus, { status: "awaiting-biodata", ...who });
  const waiting = useQuery(api.referrals.getReferralsByStatus, { status: "pending-payment", ...who });
  const [chosen, choose] = useState<string | null>(null);

  return (
    <main>
      <h1>Collect the fee</h1>
      <div className="desk">
        <nav aria-label="Referrals">
          <List title="Approved" rows={fresh} chosen={chosen} choose={choose} />
          <List title="Waiting for payment" rows={waiting} chosen={chosen} choose={choose} />
        </nav>
        {chosen === null ? <p className="hint">Choose a referral.</p> : <Payment key={chosen} referralId={chosen} />}
      </div>
    </main>
  );
}

type Rows = {
  title: string;
  rows: Referral[] | undefined;
  chosen: string | null;
  choose: (referral: string) => void;
};

function List({ title, rows, chosen, choose }: Rows) {
  return (
    <section>
      <h2>
        {title} {rows && <span className="count">{rows.length}</span>}
      </h2>
      {rows === undefined && <p className="hint">Loading…</p>}
      {rows?.length === 0 && <p className="hint">Nobody.</p>}
      <ul>
        {rows?.map((row) => (
          <li key={row._id}>
            <button aria-current={row._id === chosen} onClick={() => choose(row._id)}>
              {row.patientName}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
