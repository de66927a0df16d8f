(* The executable point of Point.v in binary64 and binary32: on the domain nothing overflows, every result is finite, and it is within the
   bounds of Mixture.v of what is exact. Nothing is assumed of exp and ln: they are the functions of Kernels.v.

   domain     what is stated of the numbers of the format: PointBits.v's conditions, and that the total's relative error is at most 1/2;
   tables     how far they are from the exact ones: 1/v and the gains by relative dp and dg, offsets and shifted means by given amounts. *)
Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core BinarySingleNaN.
From Tweedie Require Import Sums Near Softmax Logits Weights Mixture Arithmetic Coefficients Kernels Refinement Formats Functions Point PointBits.
From Tweedie Require ExpDoubleBits ExpSingleBits.
Open Scope R_scope.

Section Whole.
Variable f : format.
Notation prec := (precision f).
Notation emax := (largest f).
Context { Hp : Prec_gt_0 prec } { He : Prec_lt_emax prec emax }.
Notation fexp := (FLT_exp (3 - emax - prec) prec).
Notation rnd := (round radix2 fexp ZnearestE).
Notation form := (generic_format radix2 fexp).
Notation A := (ieee f).
Notation float := (binary_float prec emax).
Notation u := (unit_roundoff f).
Notation eta := (half_tiny f).
Notation nu := (Near.nu u).
Notation big := (bpow radix2 (emax - 1)).
Variable C : table (number A).
Variables E Ln : R -> R.
Variables e tau lambda ln_rest : R.

Section Numbers.
Variable size : nat -> nat.
Variables N b d : nat.
Variables xf originf : nat -> float.
Variables af referencef : float.
Variables meanf shiftedf : nat -> nat -> nat -> float.
Variables offsetf precisionf gainf : nat -> nat -> float.
Definition real1 (v : nat -> float) (k : nat) : R := B2R (v k).
Definition real2 (v : nat -> nat -> float) (i j : nat) : R := B2R (v i j).
Definition real3 (v : nat -> nat -> nat -> float) (i j k : nat) : R := B2R (v i j k).
Notation lr := (Mixture.l rnd d (real1 xf) (B2R af) (real3 meanf) (real2 precisionf) (real2 offsetf)).
Notation mr := (Mixture.m rnd size d (real1 xf) (B2R af) (real3 meanf) (real2 precisionf) (real2 offsetf)).

Definition domain : Prop :=
  (forall i, (0 < size i <= N)%nat)
  /\ (is_finite af = true /\ is_finite referencef = true /\ (forall k, is_finite (xf k) = true /\ is_finite (originf k) = true)
      /\ forall i j, is_finite (offsetf i j) = true /\ is_finite (precisionf i j) = true /\ is_finite (gainf i j) = true
         /\ forall k, is_finite (meanf i j k) = true /\ is_finite (shiftedf i j k) = true)
  /\ (exists zeta P G Q O, (1 <= zeta /\ 1 <= P /\ 0 <= G /\ 0 <= Q /\ 0 <= O)
      /\ (forall i j k, Rabs (B2R af * B2R (meanf i j k)) + Rabs (B2R (xf k)) <= zeta)
      /\ (forall i j, Rabs (B2R (precisionf i j)) <= P) /\ (forall i j, Rabs (B2R (offsetf i j)) <= O)
      /\ (forall i j, Rabs (B2R (gainf i j)) <= G) /\ (forall i j k, Rabs (B2R (shiftedf i j k)) <= Q)
      /\ (forall k, Rabs (B2R (originf k)) <= Q) /\ Rabs (B2R referencef) <= O
      /\ 16 * (32 * INR d * (zeta * zeta) * P + O + 1) <= big
      /\ 512 * ((INR b + 1) * INR N * (8 * (P * zeta + G * zeta + Q + 1))) <= big)
  /\ ((0 < d)%nat /\ INR d * nu <= / 2) /\ (INR N * nu <= / 2 /\ INR b * step_cost u e tau <= / 2)
  /\ Phi u eta e tau size lr mr N b <= / 2.

Definition point_score k := Point.score A C size b d af xf meanf offsetf precisionf k.
Definition point_denoiser k := Point.denoiser A C size b d af xf originf meanf shiftedf offsetf precisionf gainf k.
Definition point_responsibility i j := Point.responsibility A C size b d af xf meanf offsetf precisionf i j.
Definition point_log_density := Point.log_density A C size b d af referencef xf meanf offsetf precisionf.

(* What is exact, and how far the numbers of the format are from it. *)
Variable x : nat -> R.
Variable a : R.
Variable mu : nat -> nat -> nat -> R.
Variables P O G : nat -> nat -> R.
Variables dp dg offset_error : R.
Variable shifted_error : nat -> nat -> nat -> R.
Variable reference : R.
Definition tables : Prop :=
  (forall i j, 0 <= P i j /\ 0 <= G i j) /\ 0 <= dp /\ 0 <= dg
  /\ (forall i j, near dp (B2R (precisionf i j)) (P i j)) /\ (forall i j, near dg (B2R (gainf i j)) (G i j))
  /\ (forall i j, Rabs (B2R (offsetf i j) - O i j) <= offset_error)
  /\ (forall i j k, Rabs (B2R (shiftedf i j k) - (mu i j k - B2R (originf k))) <= shifted_error i j k).

Definition point_statement : Prop := domain -> tables ->
  (forall k c, (k < d)%nat -> is_finite (point_score k) = true
    /\ Rabs (B2R (point_score k) - score_exact size b d x a mu P O k)
       <= score_bound rnd u eta e tau size N b d (real1 xf) x (B2R af) a (real3 meanf) mu (real2 precisionf) P (real2 offsetf) O dp offset_error k c)
  /\ (forall k c, (k < d)%nat -> is_finite (point_denoiser k) = true
    /\ Rabs (B2R (point_denoiser k) - denoiser_exact size b d x a mu P O G k)
       <= denoiser_bound rnd u eta e tau size N b d (real1 xf) x (B2R af) a (real3 meanf) mu (real2 precisionf) P (real2 offsetf) O
            (real2 gainf) G (real3 shiftedf) (real1 originf) dp dg offset_error shifted_error k c)
  /\ (forall i j, (i <= b)%nat -> (j < size i)%nat -> is_finite (point_responsibility i j) = true
    /\ Rabs (B2R (point_responsibility i j) - softmax size b (Mixture.L d x a mu P O) i j)
       <= Weights.width size b (Mixture.L d x a mu P O) (Mixture.l_radius u eta d (real1 xf) x (B2R af) a (real3 meanf) mu P O dp offset_error) i j
          + Weights.highest size b (Mixture.L d x a mu P O) (Mixture.l_radius u eta d (real1 xf) x (B2R af) a (real3 meanf) mu P O dp offset_error) i j
            * (Rtrigo_def.exp (u * Rabs (lr i j - Softmax.largest mr b) + e + (phi u eta e tau size lr mr N b + nu)) - 1)
          + Rtrigo_def.exp (phi u eta e tau size lr mr N b + nu) * (tau + eta))
  /\ (2 * mass size lr mr b <= big -> is_finite point_log_density = true
    /\ Rabs (B2R point_log_density - log_density_exact size b d x a mu P O reference)
       <= log_density_bound rnd u eta e tau E Ln lambda ln_rest size N b d (real1 xf) x (B2R af) a (real3 meanf) mu (real2 precisionf) P
            (real2 offsetf) O dp offset_error (B2R referencef) reference).

Hypothesis deep : (3 - emax - prec <= -1)%Z.
Hypothesis eta_small : eta <= / 2.
Hypothesis e_pos : 0 <= e.
Hypothesis tau_pos : 0 <= tau.
Hypothesis exp_off : forall x, form x -> x <= 0 -> off e tau (E x) (Rtrigo_def.exp x).
Hypothesis exp_is : forall c, is_finite c = true -> B2R c <= 0 -> rep f (Kernels.exp A C c) (E (B2R c)).
Hypothesis weights_small : Rtrigo_def.exp (e + tau) <= 2.
Hypothesis nu_small : nu <= / 4.
Hypothesis ln_close : forall x, form x -> 0 < x <= big -> form (Ln x) /\ Rabs (Ln x - Rpower.ln x) <= lambda * Rabs (Rpower.ln x) + ln_rest.
Hypothesis ln_is : forall c, is_finite c = true -> 0 < B2R c -> rep f (Kernels.ln A C c) (Ln (B2R c)).
Hypothesis ln_small : 0 <= lambda <= 1 /\ ln_rest <= 1.

Lemma point_holds : point_statement.
Proof.
  intros [Hs [Hf [[zeta [PP [GG [QQ [OO [H1 [H2 [H3 [H4 [H5 [H6 [H7 [H8 [H9 H10]]]]]]]]]]]]]] [Hd [Hn Hphi]]]]]
    [T1 [T2 [T3 [T4 [T5 [T6 T7]]]]]].
  assert (Known : Phi u eta e tau size lr mr N b < 1) by lra.
  assert (TP : forall i j, 0 <= P i j) by (intros; apply T1). assert (TG : forall i j, 0 <= G i j) by (intros; apply T1).
  split; [|split; [|split]].
  - intros k c Hk. destruct (score_finite f deep eta_small C E e tau e_pos tau_pos exp_off exp_is weights_small nu_small size N b d Hs xf originf af referencef
      meanf shiftedf offsetf precisionf gainf Hf zeta PP GG QQ OO H1 H2 H3 H4 Hd Hn H9 H10 Hphi k) as [F V].
    split. exact F. unfold point_score. rewrite V.
    exact (mixture_score rnd form u eta e tau (unit_range f) (half_tiny_pos f) e_pos tau_pos (rounding f) (rounding_sum f) (format_opp f) (format_rnd f)
      E exp_off size N b d Hs (real1 xf) x (B2R af) a (real3 meanf) mu (real2 precisionf) P (real2 offsetf) O dp offset_error TP T2 T4 T6 Known k c Hk).
  - intros k c Hk. destruct (denoiser_finite f deep eta_small C E e tau e_pos tau_pos exp_off exp_is weights_small nu_small size N b d Hs xf originf af referencef
      meanf shiftedf offsetf precisionf gainf Hf zeta PP GG QQ OO H1 H2 H3 H4 H5 H6 H7 Hd Hn H9 H10 Hphi k) as [F V].
    split. exact F. unfold point_denoiser. rewrite V.
    exact (mixture_denoiser rnd form u eta e tau (unit_range f) (half_tiny_pos f) e_pos tau_pos (rounding f) (rounding_sum f) (format_opp f) (format_rnd f)
      E exp_off size N b d Hs (real1 xf) x (B2R af) a (real3 meanf) mu (real2 precisionf) P (real2 offsetf) O (real2 gainf) G (real3 shiftedf)
      (real1 originf) dp dg offset_error TP TG T2 T4 T5 T6 shifted_error T7 Known k c Hk (generic_format_B2R _ _ _)).
  - intros i j Hi Hj. destruct (responsibility_finite f deep eta_small C E e tau e_pos tau_pos exp_off exp_is weights_small nu_small size N b d Hs xf originf af referencef
      meanf shiftedf offsetf precisionf gainf Hf zeta PP GG QQ OO H1 H2 H3 H4 Hd Hn H9 H10 Hphi i j Hi Hj) as [F V].
    split. exact F. unfold point_responsibility. rewrite V.
    exact (mixture_responsibility rnd form u eta e tau (unit_range f) (half_tiny_pos f) e_pos tau_pos (rounding f) (rounding_sum f) (format_opp f) (format_rnd f)
      E exp_off size N b d Hs (real1 xf) x (B2R af) a (real3 meanf) mu (real2 precisionf) P (real2 offsetf) O dp offset_error TP T2 T4 T6 Known i j Hi Hj).
  - intros Room. destruct (log_density_finite f deep eta_small C E e tau e_pos tau_pos exp_off exp_is weights_small nu_small size N b d Hs xf originf af referencef
      meanf shiftedf offsetf precisionf gainf Hf zeta PP GG QQ OO H1 H2 H3 H4 H8 Hd Hn H9 H10 Hphi Ln lambda ln_rest ln_close ln_is ln_small) as [F V].
    split. exact F. unfold point_log_density. rewrite V.
    exact (mixture_log_density rnd form u eta e tau (unit_range f) (half_tiny_pos f) e_pos tau_pos (rounding f) (rounding_sum f) (format_opp f) (format_rnd f)
      (format_0 f) E exp_off Ln lambda ln_rest big (proj1 (proj1 ln_small)) ln_close size N b d Hs (real1 xf) x (B2R af) a (real3 meanf) mu (real2 precisionf) P
      (real2 offsetf) O dp offset_error TP T2 T4 T6 Known (B2R referencef) reference (generic_format_B2R _ _ _) Room).
Qed.
End Numbers.
End Whole.

(* - ln (1 - v) for small v. *)
Lemma cost_small v c : 0 <= v <= / 10 -> v <= c * (9 / 10) -> 0 <= - Rpower.ln (1 - v) <= c.
Proof.
  intros Hv Hc. split.
  - assert (Rpower.ln (1 - v) <= 0); [|lra]. rewrite <- ln_1. destruct (Req_dec v 0) as [->|N]. rewrite Rminus_0_r. lra. left. apply ln_increasing; lra.
  - assert (I := exp_ineq1_le (- Rpower.ln (1 - v))). rewrite exp_Ropp, exp_ln in I by lra.
    assert (/ (1 - v) <= 1 + v * (10 / 9)).
    { apply (Rmult_le_reg_r (1 - v)). lra. rewrite Rinv_l by lra. assert (v * v <= v * / 10) by (apply Rmult_le_compat_l; lra). lra. }
    lra.
Qed.

Definition tau_64 : R := 82 / 100 * bpow radix2 (-1074).
Definition tau_32 : R := 85 / 100 * bpow radix2 (-149).
Definition lambda_64 : R := 148 / 100 * bpow radix2 (-53).
Definition lambda_32 : R := 148 / 100 * bpow radix2 (-24).
Definition ln_rest_64 : R := 74 / 100 * bpow radix2 (-1074).
Definition ln_rest_32 : R := 74 / 100 * bpow radix2 (-149).
Lemma tiny_64 : 0 <= bpow radix2 (-1074) <= / 1024.
Proof. split. apply bpow_ge_0. change (/ 1024) with (bpow radix2 (-10)). now apply bpow_le. Qed.
Lemma tiny_32 : 0 <= bpow radix2 (-149) <= / 1024.
Proof. split. apply bpow_ge_0. change (/ 1024) with (bpow radix2 (-10)). now apply bpow_le. Qed.
Lemma small_exp v : v <= / 2 -> Rtrigo_def.exp v <= 2.
Proof. apply PointSteps.half_exp. Qed.

Theorem point_binary64 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf x a mu P O G dp dg offset_error shifted_error reference :
  point_statement binary64 ExpDoubleBits.constants exp_64 ln_64 exp_cost_64 tau_64 lambda_64 ln_rest_64
    size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf x a mu P O G dp dg offset_error shifted_error reference.
Proof.
  assert (T := tiny_64). assert (Ec := cost_small (2 * (63 / 100) * bpow radix2 (-53)) (/ 8) ltac:(simpl; lra) ltac:(simpl; lra)).
  assert (Nu := cost_small (bpow radix2 (-53)) (/ 4) ltac:(simpl; lra) ltac:(simpl; lra)).
  apply point_holds; unfold tau_64, lambda_64, ln_rest_64.
  - vm_compute; discriminate.
  - change (/ 2 * bpow radix2 (-1074) <= / 2). lra.
  - exact (proj1 Ec).
  - lra.
  - exact exp_64_off.
  - exact exp_double_is.
  - apply small_exp. unfold exp_cost_64. lra.
  - exact (proj2 Nu).
  - exact ln_64_close.
  - exact ln_double_is.
  - simpl (bpow radix2 (-53)). lra.
Qed.
Theorem point_binary32 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf x a mu P O G dp dg offset_error shifted_error reference :
  point_statement binary32 ExpSingleBits.constants exp_32 ln_32 exp_cost_32 tau_32 lambda_32 ln_rest_32
    size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf x a mu P O G dp dg offset_error shifted_error reference.
Proof.
  assert (T := tiny_32). assert (Ec := cost_small (2 * (69 / 100) * bpow radix2 (-24)) (/ 8) ltac:(simpl; lra) ltac:(simpl; lra)).
  assert (Nu := cost_small (bpow radix2 (-24)) (/ 4) ltac:(simpl; lra) ltac:(simpl; lra)).
  apply point_holds; unfold tau_32, lambda_32, ln_rest_32.
  - vm_compute; discriminate.
  - change (/ 2 * bpow radix2 (-149) <= / 2). lra.
  - exact (proj1 Ec).
  - lra.
  - exact exp_32_off.
  - exact exp_single_is.
  - apply small_exp. unfold exp_cost_32. lra.
  - exact (proj2 Nu).
  - exact ln_32_close.
  - exact ln_single_is.
  - simpl (bpow radix2 (-24)). lra.
Qed.
