// What must not compile: each line after a comment has one error, and a comment without an error is an error too.
import { ConvexHttpClient } from "convex/browser";
import { usePaginatedQuery } from "convex/react";
import { actions, api, paginated } from "./api";

export async function wrong(client: ConvexHttpClient): Promise<void> {
  // @ts-expect-error an argument that is no argument
  await client.query(api.referrals.getReferral, { referral: "x" });
  // @ts-expect-error a missing argument
  await client.query(api.referrals.getReferral, {});
  // @ts-expect-error a status that there is not
  await client.mutation(api.referrals.updateReferralStatus, { referralId: "x", status: "done" });
  // @ts-expect-error a number as text
  await client.mutation(api.mpesa.initiateSTKPush, { referralId: "x", phoneNumber: "0708374149", amount: "1000" });
  // @ts-expect-error a mutation called as a query
  await client.query(api.mpesa.initiateSTKPush, { referralId: "x", phoneNumber: "0708374149" });
  // @ts-expect-error a function that there is not
  await client.query(api.referrals.getEverything, {});
  // @ts-expect-error a mutation that is no action
  await client.action(actions.referrals.createReferral, {});
  // @ts-expect-error null is not looked at
  (await client.query(api.referrals.getReferral, { referralId: "x" })).status;
  // @ts-expect-error a field that there is not
  (await client.query(api.payments.getByReferral, { referralId: "x" }))[0]?.receipt;
  // @ts-expect-error finance people do not see it, so it may be absent
  (await client.query(api.referrals.getPendingReferrals, {}))[0]!.diagnosis.length;
}

export function useWrong(): void {
  // @ts-expect-error the whole list is no page
  usePaginatedQuery(api.referrals.getPendingReferrals, {}, { initialNumItems: 20 });
  // @ts-expect-error an argument is missing beside the page's options
  usePaginatedQuery(paginated.referrals.getReferralsByStatus, {}, { initialNumItems: 20 });
}
