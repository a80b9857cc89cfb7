// What a front end writes: every way of calling, and what it makes of the answers. It has to compile.
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { useAction, useMutation, usePaginatedQuery, useQuery } from "convex/react";
import type { FunctionReturnType } from "convex/server";
import { actions, api, paginated, type Referral } from "./api";

export async function overHttp(client: ConvexHttpClient): Promise<string> {
  const id: string = await client.mutation(api.referrals.createReferral, {
    patientName: "Jane Wafula",
    medicalHistory: "none",
    labResults: ["none"],
    diagnosis: "fracture",
    receivingFacility: "Tumaini Referral Hospital",
    priority: "Urgent",
    demoUserId: "physician",
  });
  const referral = await client.query(api.referrals.getReferral, { referralId: id });
  if (referral === null) return "not there";
  const moved = await client.mutation(api.referrals.updateReferralStatus, { referralId: id, status: "pending-payment" });
  const sent = await client.action(actions.mpesa.initiateSTKPush, { referralId: id, phoneNumber: "0708374149" });
  if (sent.status === "held" && sent.paybill) return `pay to ${sent.paybill.shortCode}`;
  return moved.promptNotice?.message ?? referral.payment?.prompt?.message ?? referral.status;
}

export function watch(client: ConvexClient, referralId: string, show: (text: string) => void): () => void {
  return client.onUpdate(api.payments.getByReferral, { referralId }, (attempts) => {
    for (const attempt of attempts) show(`${attempt.attemptNumber.toFixed()}: ${attempt.status}`);
  });
}

export function Page({ referralId }: { referralId: string }): string {
  const referral: Referral | null | undefined = useQuery(api.referrals.getReferral, { referralId });
  const send = useMutation(api.mpesa.initiateSTKPush);
  const sendAsAction = useAction(actions.mpesa.initiateSTKPush);
  const list = usePaginatedQuery(paginated.referrals.getReferralsByStatus, { status: "paid" }, { initialNumItems: 20 });
  const whole: FunctionReturnType<typeof api.referrals.getPendingReferrals> = [];
  void send({ referralId, phoneNumber: "0708374149", amount: 1000 });
  void sendAsAction({ referralId, phoneNumber: "0708374149" });
  return [...whole, ...list.results].map((row) => row.diagnosis ?? row.accountCode).join() + (referral?.status ?? "");
}
