// The functions that this page calls, by their names, with what it reads of their answers.
// docs/reference/api.d.ts has them all, and could stand here instead.

import { makeFunctionReference, type DefaultFunctionArgs } from "convex/server";

type Who = { demoUserId?: string };

export type Referral = {
  _id: string;
  status: string;
  patientName: string;
  stkPhoneNumber?: string | null;
  payment: { amount: number; status: string; receipt?: string } | null;
};

export type Prompt = {
  status: string;
  message: string;
  live: boolean;
  againAt: number | null;
  reasonNeeded: boolean;
  receipt: string | null;
  paybill: { businessNumber: string; accountNumber: string } | null;
};

const query = <Args extends DefaultFunctionArgs, Answer>(name: string) =>
  makeFunctionReference<"query", Args & Who, Answer>(name);
const mutation = <Args extends DefaultFunctionArgs, Answer>(name: string) =>
  makeFunctionReference<"mutation", Args & Who, Answer>(name);

export const getReferralsByStatus = query<{ status: string }, Referral[]>("referrals:getReferralsByStatus");
export const getReferral = query<{ referralId: string }, Referral | null>("referrals:getReferral");
export const getPromptStatus = query<{ referralId: string }, Prompt | null>("mpesa:getPromptStatus");

export const createReferral = mutation<
  {
    patientName: string;
    medicalHistory: string;
    labResults: string;
    diagnosis: string;
    receivingFacility: string;
    priority: string;
  },
  string
>("referrals:createReferral");
export const updateReferralStatus = mutation<{ referralId: string; status: string; stkPhoneNumber?: string }, Referral>(
  "referrals:updateReferralStatus",
);
export const initiateSTKPush = mutation<
  { phoneNumber: string; referralId: string; amount?: number; patientName?: string; reason?: string },
  { success: boolean; message: string }
>("mpesa:initiateSTKPush");
